"""Getting a device ready."""
