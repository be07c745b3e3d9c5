"""Accuracy on images and models where the right number is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.accuracy.result import Accuracy
from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import PREPROCESSING, preset
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.device_lookup import get_device
from edgecnn.measure.accuracy import AccuracyTask
from edgecnn.tflite.reading import read_model


def measure(model: Path, data: Path, **options: Any) -> Accuracy:
    task = AccuracyTask(read_model(model), open_labelled(data), **options)
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        return task.run(session)


@pytest.mark.parametrize("how", sorted(set(PREPROCESSING) - {"caffe", "torch"}))
def test_known_accuracy_and_unreadable_images(
    how: str, tmp_path: Path, colour_model: Any, colour_photos: Path
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    accuracy = measure(model, colour_photos, preprocessing=Preprocessing(how))
    assert accuracy.top1_percent == pytest.approx(100 * 8 / 9)
    assert accuracy.top5_percent is None  # Three outputs: it would say nothing.
    assert accuracy.images == 9
    assert len(accuracy.unreadable) == 1
    assert "broken.png" in accuracy.unreadable[0]
    assert accuracy.not_finite == 0


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantised_inputs(
    dtype: str, tmp_path: Path, colour_model: Any, colour_photos: Path
) -> None:
    model = colour_model(tmp_path / "model.tflite", dtype=dtype)
    less_128 = Preprocessing(mean=(128.0,), std=(1.0,))
    accuracy = measure(model, colour_photos, preprocessing=less_128)
    assert accuracy.top1_percent == pytest.approx(100 * 8 / 9)


def test_the_files_own_metadata_comes_before_what_the_user_says(
    tmp_path: Path, colour_model: Any, colour_photos: Path
) -> None:
    swapped = preset("caffe", 4, 4).to_dict() | {"mean": [0, 0, 0]}
    model = colour_model(tmp_path / "model.tflite", metadata={"input": swapped})
    accuracy = measure(model, colour_photos, preprocessing=Preprocessing("raw"))
    # Blue and red change places: only the three images of folder 1, all green, are right.
    assert accuracy.top1_percent == pytest.approx(100 * 3 / 9)


def test_background_class_and_top_5(tmp_path: Path, colour_model: Any, colour_photos: Path) -> None:
    model = colour_model(tmp_path / "model.tflite", outputs=4, first_class=1)
    accuracy = measure(model, colour_photos, preprocessing=Preprocessing("raw"), label_offset=1)
    assert accuracy.classes.offset == 1
    assert accuracy.top1_percent == pytest.approx(100 * 8 / 9)
    wide = colour_model(tmp_path / "wide.tflite", outputs=10, first_class=7)
    accuracy = measure(wide, colour_photos, preprocessing=Preprocessing("raw"), label_offset=7)
    assert accuracy.top1_percent == pytest.approx(100 * 8 / 9)
    assert accuracy.top5_percent == 100


def test_data_without_labels_or_readable_images(tmp_path: Path, colour_model: Any) -> None:
    np.savez(tmp_path / "x.npz", x=np.full((2, 4, 4, 3), 9, np.uint8))
    with pytest.raises(InputError, match="no labels"):
        open_labelled(tmp_path / "x.npz")
    for name in ("0", "1", "2"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "a.png").write_bytes(b"no image")
    model = colour_model(tmp_path / "model.tflite", dtype="uint8")
    with pytest.raises(InputError, match="not one image can be read"):
        measure(model, tmp_path / "all")


def test_makers_model_on_photographs(shared_data: Path) -> None:
    model = shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite"
    accuracy = measure(model, shared_data / "imagenet_sample", preprocessing=Preprocessing("tf"))
    assert accuracy.classes.offset == 1
    assert accuracy.images == 500
    # The publisher's own 56.5 % on twice as many photographs, by two standard errors of 500.
    assert accuracy.top1_percent == pytest.approx(56.5, abs=4.5)
    assert accuracy.top5_percent is not None
    assert accuracy.top5_percent > accuracy.top1_percent
