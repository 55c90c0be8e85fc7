"""Branch and bound. Knows nothing of stores or of earlier versions: it is given a seed and returns a result."""

from ivan.search.loop import Search
from ivan.search.terms import SearchResult, Seed, Statistics

__all__ = ["Search", "SearchResult", "Seed", "Statistics"]
