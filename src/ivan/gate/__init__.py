"""A suite of properties against a new version of a model, and what changed since the version before."""
