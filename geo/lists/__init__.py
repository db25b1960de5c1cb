"""Facility lists as offices keep them: files, headings, values, locations, duplicates, writing."""
