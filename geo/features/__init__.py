"""Collections of features, and CQL2 filters over them."""
