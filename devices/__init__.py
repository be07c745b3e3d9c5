"""Where a model runs: this machine, or one that is reached over a network."""
