"""Results computed from travel times: coverage and isochrones."""
