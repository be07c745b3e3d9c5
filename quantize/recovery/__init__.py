"""Accuracy recovery: an integer file whose answers are the float file's."""
