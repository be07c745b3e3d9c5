"""What one measurement is."""
