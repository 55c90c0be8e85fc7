"""Trains the example models, derives their versions, and writes them and their properties to files."""
