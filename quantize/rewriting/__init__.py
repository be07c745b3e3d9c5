"""Rewriting a float graph: fewer ops, faster kernels, ranges that the kernels can use."""
