"""What is computed from travel times: coverage and isochrones."""
