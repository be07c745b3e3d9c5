"""The charts of a report: each module that has a ``chart`` is one, and nothing else lists them."""
