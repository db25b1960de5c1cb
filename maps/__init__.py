"""Draws: Folium gap maps for planners and the pages people open. Knows nothing of the web server or the database."""
