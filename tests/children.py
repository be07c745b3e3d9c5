"""The processes that a process has started, as Linux lists them in /proc."""

from __future__ import annotations

from pathlib import Path


def children_of(pid: int | str) -> list[int]:
    """Return the children of a process that still run, or were not waited for; "self" is this."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]
