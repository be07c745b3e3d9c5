"""Detectors with raw outputs, and with a list of detections, measured on boxes that are known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.anchors import Anchors
from tests.detector_models import ANCHORS, HEIGHT, WIDTH, picture, write_detector

LEVELS = {
    "a": {0: ((192, 128, 239, 128), 1, 255), 6: ((128, 96, 128, 128), 2, 255)},
    "b": {3: ((128, 128, 128, 128), 1, 200)},
}
"""Levels of 64 above 128 move a centre by 0.2 of the anchor; 111 above it double a side."""


def corners(y: float, x: float, height: float, width: float) -> list[float]:
    """Return left, top, width and height in pixels of the picture."""
    return [(x - width / 2) * WIDTH, (y - height / 2) * HEIGHT, width * WIDTH, height * HEIGHT]


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures with three boxes; the answers have two of them right, and 62 % of the third."""
    folder: Path = tmp_path_factory.mktemp("coco")
    (folder / "images").mkdir()
    for name, found in LEVELS.items():
        Image.fromarray(picture(found)).save(folder / "images" / f"{name}.png")
    boxes = [
        (1, 1, corners(0.25 + 0.2 * 0.25, 0.2, 0.5, 0.125)),
        (1, 2, corners(0.75, 0.6 - 0.1 * 0.125, 0.25, 0.125)),
        (2, 1, corners(0.25, 0.8, 0.25, 0.125 / 0.62)),
    ]
    content = {
        "images": [{"id": n, "file_name": f"{x}.png"} for n, x in enumerate("ab", 1)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": kind, "bbox": box}
            for n, (image, kind, box) in enumerate(boxes, 1)
        ],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


WANTED = (100 * (1 + (3 + 7 * 51 / 101) / 10) / 2, 100)
"""mAP and mAP at 0.5: class 2 is found at all ten overlaps. Of the two objects of class 1 the first
is, and the other at 0.5, 0.55 and 0.6; with one of two found, 51 of 101 recalls are reached."""


def measured(file: Path, data: Path, **options: Any) -> list[float]:
    (record,) = edgecnn.bench(
        file, data=data, preprocess="unit", runs=1, min_time_s=0, warmup=0, **options
    )
    assert record.metric == "mAP" and record.figures is not None
    return [figure.value for figure in record.figures]


def test_a_list_of_detections_is_judged(tmp_path: Path, coco: Path) -> None:
    file = write_detector(tmp_path / "listed.tflite", has_list=True)
    with pytest.raises(InputError, match="which class of the model is which category"):
        measured(file, coco)
    # The op leaves the background out: its class 0 is category 1.
    assert measured(file, coco, label_offset=-1) == pytest.approx(WANTED)


@pytest.mark.parametrize("form", ["npy", "npz", "csv", "json"])
def test_raw_outputs_are_decoded_with_their_anchors(tmp_path: Path, coco: Path, form: str) -> None:
    file, path = write_detector(tmp_path / "raw.tflite", has_list=False), tmp_path / f"a.{form}"
    table = ANCHORS
    if form == "npy":
        np.save(path, table)
    if form == "npz":
        table = ANCHORS * [HEIGHT, WIDTH, HEIGHT, WIDTH]
        np.savez(path, anchors=table)
    if form == "csv":
        half = ANCHORS[:, 2:] / 2
        table = np.concatenate([ANCHORS[:, :2] - half, ANCHORS[:, :2] + half], axis=1)
        lines = "\n".join(",".join(map(str, row)) for row in table[:, [1, 0, 3, 2]].tolist())
        path.write_text(f"xmin,ymin,xmax,ymax\n{lines}\n")
    if form == "json":
        path.write_text(json.dumps(table[:, [1, 0, 3, 2]].tolist()))
    order = {"csv": "xyxy", "json": "cxywh"}.get(form, "cyxhw")
    said = {"anchors": path, "anchor_order": order, "box_order": "yxhw", "variances": "ssd"}
    assert measured(file, coco, label_offset=0, **said) == pytest.approx(WANTED)


def test_what_anchors_do_not_tell_must_be_said(tmp_path: Path, coco: Path) -> None:
    file, path = write_detector(tmp_path / "raw.tflite", has_list=False), tmp_path / "a.npy"
    np.save(path, ANCHORS)
    said = {"anchors": path, "anchor_order": "cyxhw", "box_order": "yxhw", "variances": "ssd"}
    for name in said:
        with pytest.raises(InputError, match=r"anchors goes with|go with anchors"):
            measured(file, coco, **{**said, name: None})
    with pytest.raises(InputError, match=r"3 scores for each anchor.*0 where the first score"):
        measured(file, coco, **said)
    with pytest.raises(InputError, match="name them with"):
        measured(file, coco)
    np.save(path, ANCHORS[:5])
    with pytest.raises(InputError, match="has 5 anchors, for which one output of boxes"):
        measured(file, coco, label_offset=0, **said)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.npy", b"no array", "holds no anchors"),
        ("a.json", b'{"a": 1}', "holds no anchors"),
        ("a.csv", b"0.1,0.2,0.3\n", r"numbers of shape \(1, 3\)"),
        ("a.json", b"[[0.1, 0.2, 0.3, -0.4]]", "anchor 0 has no height or no width"),
        ("a.json", b"[[0.1, 0.2, 0.3, 1e999]]", "not finite"),
        ("a.txt", b"1,1,1,1", "anchors are read from"),
        ("none.npy", None, "cannot read"),
    ],
)
def test_files_without_anchors_are_refused(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        Anchors.of_user(tmp_path / name, "cyxhw", "yxhw", (0.1, 0.1, 0.2, 0.2))


def test_a_box_whose_x_comes_first_takes_its_variances_in_that_order(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ANCHORS)
    read = Anchors.of_user(tmp_path / "a.npy", "cyxhw", "xywh", "1,2,3,4")
    assert read is not None and read.variances == (2, 1, 4, 3)


def test_anchors_are_refused_where_the_data_have_no_boxes(tmp_path: Path, coco: Path) -> None:
    file, path = write_detector(tmp_path / "raw.tflite", has_list=False), tmp_path / "a.npy"
    np.save(path, ANCHORS)
    said = {"anchors": path, "anchor_order": "cyxhw", "box_order": "yxhw", "variances": "ssd"}
    table, arrays = tmp_path / "table.csv", tmp_path / "arrays.npz"
    for name in LEVELS:
        shutil.copy(coco / "images" / f"{name}.png", tmp_path)
    table.write_text("file,label,x\n" + "".join(f"{name}.png,1,2\n" for name in LEVELS))
    np.savez(arrays, image=np.zeros((2, HEIGHT, WIDTH, 3), np.float32), scores=np.zeros((2, 3)))
    for data in (table, arrays):
        with pytest.raises(InputError, match="anchors goes with data that have boxes"):
            measured(file, data, **said)
