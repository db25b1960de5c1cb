"""The travel-time engine: network, contraction, search, nearest facilities, routes, catchments, its cache."""
