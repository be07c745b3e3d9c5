"""Images: what a model expects of them, where they come from, and how they become tensors."""
