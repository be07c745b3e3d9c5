"""``edgecnn.verify`` on boards: Arm's answers beside those of the machine that made the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.cli.verify import verification_lines
from tests.map_models import write_passing_model

from .board import EmulatedPi
from .conftest import MakePi

RESNET8 = "models/mlperf_tiny_resnet8_cifar10.keras"


@pytest.fixture(scope="module")
def int8_file(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A trained network in int8."""
    pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("verify")
    coarse = np.random.default_rng(0).integers(0, 256, (24, 5, 5, 3), np.uint8)
    x = np.stack([np.asarray(Image.fromarray(image).resize((32, 32))) for image in coarse])
    np.savez(folder / "x.npz", x=x)
    (made,) = edgecnn.convert(
        shared_data / RESNET8, preprocess="raw", calibrate=folder / "x.npz", output=folder
    )
    yield made.path


@pytest.fixture(scope="module")
def arrays_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two inputs that take arrays, each of which an output passes on from 0 on."""
    folder = tmp_path_factory.mktemp("arrays")
    source = write_passing_model(folder / "two.tflite", (1, 600), inputs=2)
    tasks = ["out0=classes", "out1=numbers"]
    (made,) = edgecnn.convert(source, quantize="float32", task=tasks, output=folder / "made")
    return made.path


def test_a_board_with_the_same_runtime(
    make_pi: MakePi, known: Callable[..., None], int8_file: Path, arrays_file: Path
) -> None:
    board: EmulatedPi = make_pi(64, runtime=True)
    known(kitchen=board)
    found = edgecnn.verify(int8_file, "kitchen")
    assert (found.device, found.architecture) == ("kitchen", "aarch64")
    assert found.verdict in ("identical", "close")
    # All layers are integers and round alike; the softmax behind them is float.
    assert found.largest_difference is not None
    assert found.largest_difference < 1e-5
    arrays = edgecnn.verify(arrays_file, "kitchen")
    assert (arrays.verdict, len(arrays.samples)) == ("identical", 6)


def test_a_board_with_the_old_runtime_rounds_otherwise(
    make_pi: MakePi, known: Callable[..., None], int8_file: Path, arrays_file: Path
) -> None:
    board: EmulatedPi = make_pi(32, kernel_bits=64, runtime=True)
    known(cellar=board)
    found = edgecnn.verify(int8_file, "cellar")
    assert (found.runtime, found.architecture, found.bits) == ("tflite-runtime", "aarch64", 32)
    assert "aarch64 with 32-bit programs" in verification_lines(found)[0]
    assert (found.verdict, found.same_top1) == ("close", 3)
    assert found.largest_difference is not None
    assert found.largest_difference > 1e-3
    arrays = edgecnn.verify(arrays_file, "cellar")
    assert (arrays.verdict, len(arrays.samples)) == ("identical", 6)
