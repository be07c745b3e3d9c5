"""A copy of what the package is built from: two builds in one place disturb each other."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOP = ("edgecnn", "models", "quantize", "devices")
FILES = (
    "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md",
    "constraints.txt",
)  # fmt: skip


def copy_sources(target: Path) -> Path:
    """Copy what the package is built from to a new folder, and return that."""
    target.mkdir()
    for name in TOP:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, target / name)
    return target
