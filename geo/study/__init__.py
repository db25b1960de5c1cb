"""One place and everything the program knows about it: facilities, demand, areas, streets, standards, settings."""
