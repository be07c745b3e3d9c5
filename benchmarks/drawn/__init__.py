"""Tasks of other kinds than classes: drawn data in users' formats, trained models, their figures."""
