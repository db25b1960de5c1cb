"""One place and everything known of it: facilities, demand, areas, streets, standards, opening hours."""
