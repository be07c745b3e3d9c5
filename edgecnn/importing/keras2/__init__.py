"""Models that Keras 2 saved, made into models of Keras 3: configurations, functions and weights."""
