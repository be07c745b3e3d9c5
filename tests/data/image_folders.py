"""Folders of small images for tests of what data can be."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from edgecnn.data.datasets import Dataset


def save(path: Path, level: int = 0, kind: str = "PNG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (level, level, level)).save(path, kind)


def folder_of(folder: Path, *names: str) -> Path:
    """A folder with these image files; each one's grey level is its place in the list."""
    for level, name in enumerate(names):
        save(folder / name, level)
    return folder


def levels(dataset: Dataset) -> list[int]:
    return [int(dataset.read(index)[0, 0, 0]) for index in range(len(dataset))]
