"""A session with a real runner, on models whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import ChildCrashedError, InputError
from edgecnn.devices.device import get_device


def test_best_classes_come_first(tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "model.tflite", outputs=4, first_class=1)
    images = np.zeros((2, 1, 4, 4, 3), np.float32)
    images[0] += (3, 2, 1)
    images[1] += (1, 2, 3)
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        classified = session.classify(images, top_k=3)
    assert classified.top.tolist() == [[1, 2, 3], [3, 2, 1]]
    assert classified.finite.all()


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_of_equal_scores_the_lower_index_wins(
    dtype: str, tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite", dtype=dtype)
    least = np.iinfo(dtype).min
    images = np.full((2, 1, 4, 4, 3), least, dtype)
    images[1, ..., 1:] = 100
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        classified = session.classify(images, top_k=3)
    assert classified.top.tolist() == [[0, 1, 2], [1, 2, 0]]


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_all_scores_come_with_the_classes_if_asked_for(
    dtype: str, tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite", dtype=dtype)
    images = np.zeros((2, 1, 4, 4, 3), dtype)
    images[1] += np.array((3, 100, 2), dtype)
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        assert session.classify(images, top_k=1).outputs is None
        outputs = session.classify(images, top_k=1, with_outputs=True).outputs
    assert outputs is not None
    assert outputs.dtype == dtype
    assert outputs.tolist() == [[0, 0, 0], [3, 100, 2]]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_pixels_with_the_values_of_their_levels(
    dtype: str, tmp_path: Path, colour_model: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite", dtype=dtype)
    levels = (np.arange(256) // 2).astype(dtype)
    pixels = np.zeros((3, 1, 4, 4, 3), np.uint8)
    pixels[:, ...] += np.array([[10, 250, 100], [255, 0, 0], [1, 2, 3]], np.uint8)[
        :, None, None, None
    ]
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        session.submit(pixels, 1, with_outputs=True, levels=levels)
        session.submit(levels[pixels], 1, with_outputs=True)
        first, second = session.collect(), session.collect()
    assert first.outputs is not None and second.outputs is not None
    assert first.outputs.tolist() == second.outputs.tolist()
    assert first.outputs.tolist() == [[5, 125, 50], [127, 0, 0], [0, 1, 1]]


def test_scores_that_are_not_finite_are_told(tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "model.tflite")
    images = np.zeros((2, 1, 4, 4, 3), np.float32)
    images[1] = np.nan
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        assert session.classify(images, top_k=1).finite.tolist() == [True, False]
        assert session.check().finite
        assert not session.check(images[1].tobytes()).finite


def test_progress_grows_while_timing(shared_data: Path) -> None:
    seen: list[float] = []
    with get_device("desktop").start("test") as session:
        session.load(shared_data / "peers" / "mobilenet_v2_1.0_224_quant.tflite", threads=1)
        session.time(runs=1, min_time_s=0.7, on_progress=seen.append)
    assert seen
    assert seen == sorted(seen)
    assert all(0 <= fraction <= 1 for fraction in seen)


def test_a_missing_file_is_the_users_error(tmp_path: Path) -> None:
    with get_device("desktop").start("test") as session, pytest.raises(InputError):
        session.load(tmp_path / "missing.tflite", threads=1)


def test_a_runner_that_was_ended_is_told() -> None:
    with get_device("desktop").start("measuring") as session:
        session.kill()
        with pytest.raises((ChildCrashedError, ValueError)):
            session.facts()
