"""Graphs of others brought to what the rest works on: known shapes, float32, one example a call."""
