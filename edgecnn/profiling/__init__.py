"""Where a file's latency goes on a device: each op's time, and what limits it."""
