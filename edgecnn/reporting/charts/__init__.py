"""The charts of a report: each module that has a ``CHART`` is one, and nothing else lists them."""
