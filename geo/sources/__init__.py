"""Builds a study from files that anyone can download, and reads the lists that offices give to the program."""
