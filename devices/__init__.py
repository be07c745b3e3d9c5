"""Where a model runs: this machine, or a device that is reached over a transport such as SSH."""
