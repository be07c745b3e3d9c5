"""From a calibrated float graph to an integer graph, by a quantiser that needs no TensorFlow."""
