"""Serves: the HTTP API, the register of facilities, settings and the command line."""
