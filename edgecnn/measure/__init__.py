"""Benchmarking: what is to be measured, in which turns, and the record that comes of it."""
