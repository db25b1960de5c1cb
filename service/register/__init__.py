"""The register of facilities: its database, history, imports and keys."""
