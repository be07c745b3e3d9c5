"""What a user brings, turned into a float .tflite file."""
