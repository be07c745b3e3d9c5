"""Figures of labelled data for each kind of output that is no class of the whole image."""
