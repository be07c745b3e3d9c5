"""Getting a device ready to run models, and saying whether it is."""
