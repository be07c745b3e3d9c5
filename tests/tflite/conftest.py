"""Files whose costs are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn


@pytest.fixture(scope="session")
def two_numbers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A convolution and a mean, in float32 and in int8."""
    keras: Any = pytest.importorskip("keras")
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, padding="same", name="conv"),
            layers.GlobalAveragePooling2D(name="mean"),
        ],
        name="two_numbers",
    )
    folder = tmp_path_factory.mktemp("two numbers")
    np.savez(folder / "x.npz", x=np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), np.uint8))
    results = edgecnn.convert(
        net, quantize="int8,float32", preprocess="unit", calibrate=folder / "x.npz", samples=20,
        output=folder,
    )  # fmt: skip
    return {result.scheme: result.path for result in results}


@pytest.fixture(scope="session")
def mobilenet_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """MobileNet v2 with random weights."""
    results = edgecnn.convert(
        "mobilenet_v2", quantize="int8,float32", output=tmp_path_factory.mktemp("v2")
    )
    return {result.scheme: result.path for result in results}
