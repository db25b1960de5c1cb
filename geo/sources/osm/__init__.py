"""Reads OpenStreetMap extracts: boundaries, streets, facilities, residential buildings and places."""
