"""What the records of a report say: rows, settings, costs of schemes, and the file to ship."""
