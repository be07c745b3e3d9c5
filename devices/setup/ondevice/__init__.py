"""What runs on a device to look at it and to set it up; the grammar of Python 3.7."""
