"""Positions on the Earth: datums, reference systems, the study's projection, distances."""
