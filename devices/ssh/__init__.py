"""A device that is reached over SSH."""
