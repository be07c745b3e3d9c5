"""Values as text, the same in every command."""

from __future__ import annotations

from pathlib import Path

from edgecnn.files import quoted


def size_text(size: int) -> str:
    """Show bytes as people read them.

    Example:
        >>> size_text(3963200)
        '3.78 MiB'
    """
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KiB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.2f} MiB"


def quoted_if_needed(path: Path | str) -> str:
    """Show a path as it is, or quoted where it has control characters."""
    text = str(path)
    return text if text.isprintable() else quoted(text)
