"""Mean average precision of boxes, in cases whose value follows by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgecnn.accuracy.kinds.boxes import Detections, candidates_of, suppressed
from edgecnn.accuracy.kinds.coco_evaluation import CocoEvaluation, JudgedImage
from edgecnn.accuracy.kinds.detections import DetectionJudge
from edgecnn.accuracy.kinds.raw_heads import RawHeads
from edgecnn.core.errors import InputError
from edgecnn.data.anchors import Anchors
from edgecnn.data.boxes import BoxTargets, Objects
from edgecnn.data.datasets import open_dataset
from edgecnn.data.geometry import Geometry
from edgecnn.data.images import seen_region
from edgecnn.data.inputspec import preset
from edgecnn.tflite.reading import read_model
from tests.map_models import write_passing_model

SPEC = preset("raw", 100, 100)


def write_images(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        Image.new("RGB", (200, 200)).save(folder / f"{name}.png")


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """Two images: one with a box of each class, one with a box of class 0."""
    write_images(tmp_path / "yolo" / "images")
    (tmp_path / "yolo" / "labels").mkdir()
    (tmp_path / "yolo" / "labels" / "a.txt").write_text(
        "0 0.75 0.75 0.5 0.5\n1 0.25 0.25 0.5 0.5\n"
    )
    (tmp_path / "yolo" / "labels" / "b.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    return tmp_path / "yolo"


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Write the same boxes as COCO has them: left, top, width and height in pixels."""
    write_images(tmp_path / "coco" / "images")
    boxes = [(1, 7, [100, 100, 100, 100]), (1, 9, [0, 0, 100, 100]), (2, 7, [80, 60, 40, 80])]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": kind, "bbox": box}
            for n, (image, kind, box) in enumerate(boxes, 1)
        ],
    }
    (tmp_path / "coco" / "annotations.json").write_text(json.dumps(content))
    return tmp_path / "coco"


def candidates(*rows: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """Return an output of 8 candidates, (1, 8, 4 + 2 classes), of which most score 0."""
    output = np.zeros((1, 8, 6))
    output[0, : len(rows)] = rows
    return output


def figures(data: Path, folder: Path) -> dict[str, float]:
    """Judge a detector that finds two boxes exactly, and of the third 62 %."""
    targets = open_dataset(data).targets
    assert isinstance(targets, BoxTargets)
    model = read_model(write_passing_model(folder / "m.tflite", (1, 8, 6)))
    judge = DetectionJudge(model, targets, SPEC)
    answers = (
        candidates((0.75, 0.75, 0.5, 0.5, 0.9, 0), (0.155, 0.25, 0.31, 0.5, 0, 0.8)),
        candidates((0.5, 0.5, 0.2, 0.4, 0.7, 0)),
    )
    rows = [judge.row([each], judge.target(n, SPEC)) for n, each in enumerate(answers)]
    return {figure.name: figure.value for figure in judge.figures(rows)}


def test_map_of_yolo_texts_and_of_coco_boxes_follows_by_hand(
    yolo: Path, coco: Path, tmp_path: Path
) -> None:
    # Class 0 is found at all ten overlaps, class 1 at 0.5, 0.55 and 0.6: (1 + 0.3) / 2.
    wanted = {"mAP": 65, "mAP at 0.5": 100}
    assert figures(yolo, tmp_path) == pytest.approx(wanted)
    assert figures(coco, tmp_path) == pytest.approx(wanted)


def test_an_object_is_found_once_in_each_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 0, 30, 10]], np.float64)
    found = Detections(boxes, np.array([0.5, 0.9, 0.8, 0.1]), np.array([0, 0, 1, 0]))
    assert suppressed(found).scores.tolist() == [0.9, 0.8, 0.1]


def test_both_orders_and_an_object_score_are_read() -> None:
    row = np.array([[0.5, 0.5, 0.2, 0.4, 0.5, 0.8]])
    as_rows = candidates_of(row, False, True, 100, 100)
    as_columns = candidates_of(row.T, True, True, 100, 100)
    in_pixels = candidates_of(row * [[100] * 4 + [1] * 2], False, True, 100, 100)
    for found in (as_rows, as_columns, in_pixels):
        assert found.boxes[0] == pytest.approx([0.4, 0.3, 0.6, 0.7])
        assert found.scores.tolist() == pytest.approx([0.4])


def test_boxes_come_back_from_the_borders_and_the_crop_of_an_image() -> None:
    pad, crop = (SPEC.with_geometry(g) for g in (Geometry("pad"), Geometry("crop", 0.875)))
    assert seen_region(pad, 100, 200) == (0, -50, 200, 150)
    left, top, right, bottom = seen_region(crop, 100, 200)
    assert (right - left, bottom - top) == pytest.approx((87.5, 87.5), abs=0.5)
    assert (left + right, top + bottom) == pytest.approx((200, 100), abs=1)


def test_raw_heads_are_refused(yolo: Path, tmp_path: Path) -> None:
    targets = open_dataset(yolo).targets
    assert isinstance(targets, BoxTargets)
    model = read_model(write_passing_model(tmp_path / "m.tflite", (1, 8, 6), inputs=2))
    with pytest.raises(InputError, match="raw heads, which only their anchors decode"):
        DetectionJudge(model, targets, SPEC)


def test_a_backgrounds_scores_leave_the_objects_their_places(yolo: Path, tmp_path: Path) -> None:
    targets = open_dataset(str(yolo)).targets
    assert isinstance(targets, BoxTargets)
    # 256 anchors side by side, of which the last has an object; all others are sure of none.
    places = (np.arange(16) + 0.5) / 16
    boxes = np.array([[y, x, 1 / 16, 1 / 16] for y in places for x in places])
    scores = np.zeros((1, 256, 4))
    scores[0, :, 0], scores[0, -1] = 1, (0.2, 0, 0.8, 0)
    model = read_model(write_passing_model(tmp_path / "m.tflite", (1, 8, 7), kind="detections"))
    anchors = Anchors("a.npy", boxes, (0.1, 0.1, 0.2, 0.2), "yxhw")
    heads = RawHeads((0, 0), 4, anchors, SPEC.height, SPEC.width)
    judge = DetectionJudge(model, targets, SPEC, offset=1, heads=heads)
    found = judge.answer([np.zeros((1, 256, 4)), scores])
    assert found.classes.tolist() == [2]
    assert found.boxes[0] == pytest.approx([15 / 16, 15 / 16, 1, 1])


def test_precision_of_drawn_images_is_that_of_pycocotools() -> None:
    random = np.random.default_rng(1)

    def boxes(count: int) -> np.ndarray[Any, Any]:
        corners = random.random((count, 2)) * 60
        return np.concatenate([corners, corners + 20 + 20 * random.random((count, 2))], axis=1)

    images = []
    for _ in range(6):
        wanted = Objects.of(
            boxes(4).tolist(), random.integers(0, 3, 4).tolist(), [False, False, False, True]
        )
        near = np.concatenate([wanted.boxes + random.normal(0, 2, (4, 4)), boxes(4)])
        classes = np.concatenate([wanted.categories, random.integers(0, 3, 4)])
        images.append(JudgedImage(Detections(near, random.random(8).round(1), classes), wanted))
    classes_of = {0: 0, 1: 1, 2: 2}
    whole = CocoEvaluation(images, classes_of)
    ones = np.ones((1, 6))
    assert whole.mean_precision(ones)[0] == pytest.approx(whole.summary()[0])
    assert whole.mean_precision(ones, 1)[0] == pytest.approx(whole.summary()[1])
    twice = CocoEvaluation([images[n] for n in (0, 0, 2, 3, 3, 3)], classes_of)
    drawn = whole.mean_precision(np.array([[2.0, 0, 1, 3, 0, 0]]))[0]
    assert drawn == pytest.approx(twice.summary()[0], abs=0.02)
