"""From a Keras model to a ``.tflite`` file: schemes, calibration, conversion, and its check."""
