"""Running models: the program that does so on any device, and how one talks to it."""
