"""Values as text, for commands: :mod:`edgecnn.text`."""

from edgecnn.text import quoted_if_needed, size_text

__all__ = ["quoted_if_needed", "size_text"]
