"""What quantising each layer of a model alone costs."""
