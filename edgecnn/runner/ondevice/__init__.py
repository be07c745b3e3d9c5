"""What travels to a device: standard library, numpy and a TFLite runtime; Python 3.9 or later."""
