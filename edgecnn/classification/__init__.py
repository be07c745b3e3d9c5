"""Trying a ``.tflite`` file out: on images from the terminal, and on a page in the browser."""
