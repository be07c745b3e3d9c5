"""The version of edgecnn, in one place for the package, its files and its records."""

__version__ = "0.1.0"
