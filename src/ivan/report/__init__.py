"""Reports in formats that other programs define."""
