"""Measuring: the runner that a device executes, how it is driven, and what its samples say."""
