"""Reads OpenStreetMap extracts."""
