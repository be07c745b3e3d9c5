"""Tasks of other kinds than classes: drawn data, trained models, their figures."""
