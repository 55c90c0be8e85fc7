"""Linear programs: the strongest linear bound of a domain, and duals that become certificates."""
