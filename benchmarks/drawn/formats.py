"""Files as users have them: pictures, masks, boxes, tables and arrays, written and read plainly."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]
Box = tuple[float, float, float, float]

IGNORED = 255
"""Of a mask's pixels: not counted."""


def pixels(paths: Sequence[Path]) -> Array:
    """Return pictures of one size, shape (pictures, height, width, 3), float32 in 0..255."""
    return np.stack([np.asarray(Image.open(path).convert("RGB"), np.float32) for path in paths])


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, fast: noise can't be packed much anyway."""
    picture.save(path, compress_level=1)


def indices(paths: Sequence[Path]) -> Array:
    """Return masks of one size, shape (masks, height, width): the integers that they store."""
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def voc_palette() -> list[int]:
    """Return the palette of PASCAL VOC's masks: bits of the index spread over the channels."""
    palette = []
    for index in range(256):
        channels = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                channels[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
        palette += channels
    return palette


def save_palette_mask(mask: Array, path: Path) -> None:
    """Write a mask as VOC does: a PNG whose palette indices are the classes."""
    image = Image.fromarray(mask.astype(np.uint8), "P")
    image.putpalette(voc_palette())
    image.save(path)


def folder(path: Path) -> Path:
    """Return a folder that exists."""
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_coco(
    path: Path, files: Sequence[str], size: int, boxes: Sequence[Array], names: Sequence[str]
) -> None:
    """Write COCO's JSON of boxes.

    Args:
        path: The file.
        files: Names of the pictures.
        size: Their width and height in pixels.
        boxes: Of each picture, shape (objects, 5): class, left, top, right, bottom in pixels.
        names: Names of the classes; their category ids count from 1.
    """
    annotations = []
    for number, objects in enumerate(boxes):
        for kind, left, top, right, bottom in objects.tolist():
            box = [left, top, right - left, bottom - top]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number + 1,
                    "category_id": int(kind) + 1,
                    "bbox": [round(value, 2) for value in box],
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                }
            )
    images = [
        {"id": number + 1, "file_name": file, "width": size, "height": size}
        for number, file in enumerate(files)
    ]
    categories = [{"id": number + 1, "name": name} for number, name in enumerate(names)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(document))


def read_coco(path: Path) -> tuple[list[str], list[Array]]:
    """Return COCO's pictures and their boxes: class from 0 on, left, top, right, bottom."""
    document = json.loads(path.read_text())
    ids = sorted(category["id"] for category in document["categories"])
    boxes: dict[int, list[list[float]]] = {image["id"]: [] for image in document["images"]}
    for each in document["annotations"]:
        left, top, width, height = each["bbox"]
        row = [ids.index(each["category_id"]), left, top, left + width, top + height]
        boxes[each["image_id"]].append(row)
    rows = [np.array(boxes[image["id"]]).reshape(-1, 5) for image in document["images"]]
    return [image["file_name"] for image in document["images"]], rows


def write_yolo(path: Path, objects: Array, size: int) -> None:
    """Write YOLO's text of a picture: class, centre x and y, width and height as shares."""
    lines = []
    for kind, left, top, right, bottom in objects.tolist():
        shares = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        lines.append(" ".join([str(int(kind)), *(f"{share / size:.6f}" for share in shares)]))
    path.write_text("".join(f"{line}\n" for line in lines))


def read_yolo(path: Path, size: int) -> Array:
    """Return the boxes of YOLO's text: class, left, top, right, bottom in pixels."""
    rows = [[float(value) for value in line.split()] for line in path.read_text().splitlines()]
    kind, x, y, width, height = np.array(rows).reshape(-1, 5).T
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    return np.stack([kind, *(corner * size for corner in corners)], axis=1)


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a CSV with a header."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def read_table(path: Path) -> list[list[str]]:
    """Return the rows of a CSV without its header."""
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def write_arrays(path: Path, **arrays: Array) -> None:
    """Write arrays as an ``.npz``, and as a folder of ``.npy`` of that name."""
    folder(path)
    np.savez(path.with_suffix(".npz"), **arrays)
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
