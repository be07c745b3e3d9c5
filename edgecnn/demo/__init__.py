"""The demo on the built-in digits."""
