"""Distances between places."""

TOLERANCE_M = 1e-6
"""How far, in metres, a distance may exceed its limit through rounding and still be within it."""
