"""What a ``.tflite`` file is, and which apps take it as it is."""
