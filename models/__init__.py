"""Architectures: the registry, one file a family, their weights and what they cost."""
