"""Programs that use a ``.tflite`` file, filled in from the file."""
