"""The models of ``keras.applications`` with random weights, as peers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.models.spec import ModelSpec

from .facts import FactsOf, facts_once

Peer = Callable[..., Any]


@pytest.fixture(scope="session")
def facts(run_folder: Path) -> FactsOf:
    """Return what an architecture is: ``facts("mobilenet_v1", alpha=0.5)``."""
    pytest.importorskip("keras")
    return lambda name, **options: facts_once(run_folder, name, options)


@pytest.fixture(scope="session")
def peer() -> Peer:
    """Make Keras' model of the same name: ``peer(spec, alpha=0.5, size=96)``; logits out.

    Its weights are drawn so that each matters, unless ``drawn=False``: that takes a while.
    """
    keras = pytest.importorskip("keras")

    def make(spec: ModelSpec, *, alpha: float = 1.0, size: int = 96, drawn: bool = True) -> Any:
        assert spec.keras_name is not None
        options: dict[str, Any] = {"weights": None, "input_shape": (size, size, 3)}
        if spec.keras_name.startswith(("MobileNetV3", "EfficientNetV2")):
            options["include_preprocessing"] = False
        if alpha != 1.0:
            options["alpha"] = alpha
        model = getattr(keras.applications, spec.keras_name)(classifier_activation=None, **options)
        if drawn:
            randomize(model, np.random.default_rng(0))
        return without_rescaling(model)

    return make


def ends_in_sum(layer: Any) -> bool:
    return any(type(node.operation).__name__ == "Add" for node in layer._outbound_nodes)


def without_rescaling(model: Any) -> Any:
    """Make EfficientNet's own division by 255 do nothing: ours is part of the preprocessing."""
    for layer in model.layers[:3]:
        if type(layer).__name__ == "Rescaling":
            layer.scale = 1.0
    return model


def randomize(model: Any, generator: np.random.Generator) -> None:
    """Give every weight a value that matters, and keep the activations at ordinary size."""
    for layer in model.layers:
        for weight in layer.weights:
            if "seed" in weight.path or type(layer).__name__ == "Normalization":
                continue
            kind, shape = weight.path.rpartition("/")[2], tuple(weight.shape)
            if kind == "gamma":
                # Sums of many blocks would grow without end.
                value = generator.uniform(0.8, 1.2, shape) * (0.3 if ends_in_sum(layer) else 1)
            elif kind == "moving_variance":
                value = generator.uniform(0.5, 1.5, shape)
            elif kind in ("beta", "moving_mean", "bias"):
                value = generator.normal(0, 0.1, shape)
            else:
                is_depthwise = type(layer).__name__ == "DepthwiseConv2D"
                fan_in = np.prod(shape[:2] if is_depthwise else shape[:-1])
                value = generator.normal(0, np.sqrt(1.5 / fan_in), shape)
            weight.assign(value)


def write_published_form(model: Any, path: Path) -> None:
    """Write weights alone in Keras' first HDF5 form, as its publisher's files are."""
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)
