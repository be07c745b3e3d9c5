"""Representative data, and the ranges of activations over it."""
