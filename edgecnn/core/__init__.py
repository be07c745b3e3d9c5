"""What every other room stands on: errors, files, text, children, late imports."""
