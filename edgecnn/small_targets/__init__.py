"""Microcontrollers and accelerators of integers: what each takes, and what its own tool says."""
