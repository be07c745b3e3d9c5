"""The input formats, one module each; ``sources.INPUT_FORMATS`` lists them."""
