"""Draws Folium gap maps for planners and the pages that people open. Knows neither the web server nor the database."""
