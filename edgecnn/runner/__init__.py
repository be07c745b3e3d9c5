"""What runs on a device, and how one talks to it."""
