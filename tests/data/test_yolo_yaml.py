"""Ultralytics' ``data.yaml``: which images, boxes and names it stands for, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.core.errors import InputError
from edgecnn.data.boxes import BoxTargets
from edgecnn.data.datasets import open_dataset
from edgecnn.data.yolo_yaml import read_yaml


@pytest.fixture()
def yolo(tmp_path: Path) -> Path:
    """A data set of two parts, in the folders that Ultralytics' own have."""
    for part, count in (("train", 3), ("val", 2)):
        images, labels = (tmp_path / kind / part for kind in ("images", "labels"))
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8)).save(images / f"{number}.png")
            (labels / f"{number}.txt").write_text(f"{number} 0.5 0.5 0.25 0.5\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "data.yaml"
    path.write_text(text)
    return path


COCO8 = """# Ultralytics AGPL-3.0 License
# coco8  <- 1 MB

path: . # dataset root dir
train: images/train # 3 images
val: images/val  # 2 images
test: # test images (optional)

names:
  0: person
  1: "traffic light"
  2: it's

# Download script/URL (optional)
download: |
  import this
  names: none
"""

ROBOFLOW = """train: ../images/train
val: ../images/val

nc: 3
names: ['person', "traffic light", it's]

roboflow:
  workspace: any
  license: CC BY 4.0
"""

ITEMS = """path: ''
train: [images/train]
val:
- images/val
names:
- person
- traffic light
- 'it''s'
kpt_shape: [17, 3]
"""

FLOW = """train: images/train
val: images/val
names: {0: person, 1: 'traffic light',
  2: it's}
"""


@pytest.mark.parametrize("text", [COCO8, ROBOFLOW, ITEMS, FLOW])
def test_each_way_to_write_it_says_the_same(yolo: Path, text: str) -> None:
    path = write(yolo, text)
    assert read_yaml(path).names == ("person", "traffic light", "it's")
    data = open_dataset(path)
    assert [Path(data.item_name(index)).name for index in range(len(data))] == ["0.png", "1.png"]
    targets = data.targets
    assert isinstance(targets, BoxTargets)
    assert targets.names == ("person", "traffic light", "it's")
    assert [each.categories.tolist() for each in targets.objects] == [[0], [1]]
    # Centre 0.5, width a quarter and height a half of 8 pixels.
    assert np.allclose(targets.in_pixels(1).boxes, [[3, 2, 5, 6]])


def test_the_part_is_told_or_said(yolo: Path) -> None:
    path = write(yolo, COCO8)
    assert "val of" in str(open_dataset(path).notes[0])
    train = open_dataset(f"{path}:train")
    assert (len(train), train.notes) == (3, ())
    with pytest.raises(InputError, match="has no test: it has train and val"):
        open_dataset(f"{path}:test")


def test_a_list_of_files_is_a_part(yolo: Path) -> None:
    (yolo / "some.txt").write_text("./images/train/2.png\nimages/val/0.png\n")
    data = open_dataset(write(yolo, "train: some.txt\nnames: [a, b, c]\n"))
    assert isinstance(data.targets, BoxTargets)
    assert [each.categories.tolist() for each in data.targets.objects] == [[2], [0]]


NAMES = "val: images/val\nnames: "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("names: [a]\n", "names no images"),
        ("val: images/val\n", "has no names"),
        (NAMES + "[a]\n", "names 1 classes, and its texts have class 1"),
        (NAMES + "[a, b]\nnc: 3\n", "says nc: 3, and has 2 names"),
        (NAMES + "[a, b]\nval: images/train\n", "has 'val' twice"),
        (NAMES + "[a, b\n", "line 2: '.a, b' is not understood"),
        (NAMES + "*anchor\n", "line 2: '.anchor' is not understood"),
        (NAMES + "[[a], b]\n", "is not understood"),
        (NAMES + "\n  0: a\n  2: b\n", "are not 0, 1, 2"),
        (NAMES + "\n  0: a\n  zero: b\n", "line 4: 'zero: b' is not understood"),
        (NAMES + "\n  - a: b\n", "line 3: 'a: b' is not understood"),
        ("val: images/absent\nnames: [a, b]\n", "is neither a folder of images nor a .txt"),
        ("val: images/val\nsomething else\nnames: [a, b]\n", "line 2: 'something else'"),
        ("train: images/train\ntest: images/val\nnames: [a, b, c]\n", "has no val: say"),
    ],
)
def test_what_is_not_understood_is_refused(yolo: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        open_dataset(write(yolo, text))
    assert len(str(caught.value).splitlines()) == 1
