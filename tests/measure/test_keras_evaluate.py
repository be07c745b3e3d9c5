"""Accuracy of a user's model: ours beside ``evaluate`` of a plain Keras script on the same data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import edgecnn

MODEL = "mobilenet_v1_0.25_224"
EVERY = 5
"""Of 500 photographs so many-th are taken: all of them were tried once, and took minutes."""


def right_in_keras(model: Path, photos: Path, labels: list[int]) -> int:
    """Return how many photographs a plain Keras script is right on; output 0 is background."""
    import keras

    folder = keras.utils.image_dataset_from_directory(
        photos, labels=labels, label_mode="int", image_size=(224, 224), shuffle=False
    )
    images = folder.map(lambda pixels, label: (pixels / 127.5 - 1.0, label + 1))
    loaded = keras.models.load_model(model, compile=False)
    loaded.compile(metrics=["accuracy"], loss="sparse_categorical_crossentropy")
    share = loaded.evaluate(images, verbose=0, return_dict=True)["accuracy"]
    return round(float(share) * len(labels))


def some_photographs(data: Path, folder: Path) -> list[int]:
    """Put photographs into ``images/`` with a list of their labels, and return the labels."""
    (folder / "images").mkdir()
    lines = sorted((data / "val_map.txt").read_text("utf-8").splitlines())[::EVERY]
    for line in lines:
        name = line.split()[0]
        shutil.copy(data / "images" / name, folder / "images" / name)
    (folder / "val_map.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return [int(line.split()[1]) for line in lines]


def test_stretched_photographs_are_right_as_often_as_in_keras(
    shared_data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("keras")
    model = shared_data / "models" / f"{MODEL}.keras"
    labels = some_photographs(shared_data / "imagenet_sample", tmp_path)
    wanted = right_in_keras(model, tmp_path / "images", labels)
    (made,) = edgecnn.convert(model, quantize="float32", preprocess="tf", output=tmp_path)
    (record,) = edgecnn.bench(made.path, data=tmp_path, label_offset=1, runs=1, min_time_s=0)
    assert record.images == len(labels) == 500 // EVERY
    assert record.top1_percent is not None
    assert abs(round(record.top1_percent / 100 * record.images) - wanted) <= 1
    assert record.image_geometry == "whole, stretched to 224x224, bilinear without antialiasing"
