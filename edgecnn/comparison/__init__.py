"""Whether two measurements differ, and whether that is too much."""
