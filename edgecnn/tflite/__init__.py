"""A .tflite file: read within bounds, opened as a graph, changed, run, and what it costs."""
