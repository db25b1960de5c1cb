"""Computes: studies, street networks, travel times, coverage. Knows nothing of the web, the database or drawing."""
