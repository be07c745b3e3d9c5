"""The public metadata of a ``.tflite`` file: what it is, how pixels go in, its labels."""
