"""Figures of models that are no classifiers, on data where the right number is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgecnn.accuracy.kinds.result import KindAccuracy
from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.core.errors import InputError
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.device_lookup import get_device
from edgecnn.measure.tasks import JudgingOptions, find_task
from edgecnn.model_metadata.described_file import DescribedFile

from ..map_models import write_passing_model

RAW = Preprocessing("raw")


def measure(model: Path, data: Path, **options: Any) -> KindAccuracy:
    file = DescribedFile(model)
    judging = JudgingOptions(preprocessing=RAW, **options)
    task = find_task(file, file.model, open_labelled(data), judging, file.label)
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        accuracy: KindAccuracy = task.run(session)
        return accuracy


def values(accuracy: KindAccuracy) -> dict[str, float]:
    return {figure.name: figure.value for figure in accuracy.figures}


@pytest.fixture
def map_model(tmp_path: Path) -> Path:
    """Give each pixel the class of its strongest colour: 0 red, 1 green, 2 blue."""
    return write_passing_model(tmp_path / "map.tflite", (1, 4, 4, 3), kind="map")


def picture(classes: np.ndarray[Any, Any]) -> Image.Image:
    return Image.fromarray((np.eye(3)[classes] * 200).astype(np.uint8))


def write_pairs(folder: Path, images: str, masks: str, ending: str = "") -> None:
    """Write two images of 4x4 with masks; of 32 pixels 2 do not count and 4 are wrong."""
    for part in (images, masks):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, split in enumerate((2, 1)):
        classes = np.zeros((4, 4), np.intp)
        classes[split:] = 1
        mask = classes.astype(np.uint8)
        if number == 0:
            mask[0, :2] = 255
        else:
            mask[3] = 2
        picture(classes).save(folder / images / f"{number}.png")
        Image.fromarray(mask).save(folder / masks / f"{number}{ending}.png")


# Of class 0 all 10 pixels that count are right; of class 1 16 of 20 answers; class 2 is missed.
MIOU = 100 * (10 / 10 + 16 / 20 + 0 / 4) / 3


@pytest.mark.parametrize(
    ("images", "masks"), [("JPEGImages", "SegmentationClass"), ("images", "masks")]
)
def test_maps_are_judged_by_masks(images: str, masks: str, tmp_path: Path, map_model: Path) -> None:
    write_pairs(tmp_path / "data", images, masks)
    accuracy = measure(map_model, tmp_path / "data")
    assert values(accuracy) == pytest.approx({"mIoU": MIOU, "pixel accuracy": 100 * 26 / 30})
    fields = accuracy.record_fields()
    assert (fields["metric"], fields["images"]) == ("mIoU", 2)
    assert fields["metric_percent"] == pytest.approx(MIOU)
