"""From an old proof to the seed of a new search."""
