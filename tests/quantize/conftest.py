"""Models and pictures that quantising is tried on, made once a test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth random pictures without blue."""
    path = tmp_path_factory.mktemp("pictures") / "x.npz"
    coarse = np.random.default_rng(0).integers(0, 256, (220, 4, 4, 3), np.uint8)
    coarse[..., 2] = 0
    np.savez(path, x=coarse.repeat(8, axis=1).repeat(8, axis=2))
    return path


def silence_and_spoil(before: Any, layer: Any) -> None:
    """Give a layer huge weights for a channel that is always zero: all others round to 0."""
    kernel, bias = before.get_weights()
    kernel[..., 0], bias[0] = 0.0, -1.0
    before.set_weights([kernel, bias])
    kernel, bias = layer.get_weights()
    kernel[:, :, 0] = 300.0
    layer.set_weights([kernel, bias])


@pytest.fixture(scope="session")
def fragile(keras: Any) -> Any:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    inputs = x = keras.Input((32, 32, 3))
    for name in ("first", "second", "spoilt", "fourth", "fifth"):
        x = layers.Conv2D(32, 3, activation="relu", padding="same", name=name)(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, layers.Dense(6, name="scores")(x), name="fragile")
    silence_and_spoil(model.get_layer("second"), model.get_layer("spoilt"))
    return model


Run = Callable[[Path, np.ndarray[Any, Any]], np.ndarray[Any, Any]]


@pytest.fixture(scope="session")
def run_tflite() -> Run:
    """Run a .tflite file on a batch, one image at a time: ``run_tflite(path, images)``."""
    from ai_edge_litert.interpreter import Interpreter

    def run(path: Path, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        answers = []
        for image in images:
            interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
            interpreter.invoke()
            answers.append(interpreter.get_tensor(target["index"])[0].copy())
        return np.stack(answers)

    return run
