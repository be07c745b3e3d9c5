"""How fast files are, while one of them is chosen."""
