"""What a built architecture is, in numbers and shapes: many tests ask, and building takes long."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import edgecnn
from edgecnn.models.cost import model_cost
from tests.at_hand import made_once

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One layer of a built model.

    Args:
        kind: Keras' name of its class.
        input: Shape of its first input, without the batch.
        output: Shape of its first output, without the batch.
        has_bias: Whether it adds one.
    """

    kind: str
    input: Shape
    output: Shape
    has_bias: bool


@dataclass(frozen=True)
class Facts:
    """A built model: its cost, its trained parameters, and its layers by name."""

    parameters: int
    macs: int
    trained: int
    outputs: tuple[Shape, ...]
    layers: dict[str, Layer]

    @property
    def normalised_values(self) -> int:
        """Values that batch normalisation gives for one image."""
        normalised = (x for x in self.layers.values() if x.kind == "BatchNormalization")
        return sum(math.prod(layer.output) for layer in normalised)


FactsOf = Callable[..., Facts]


def facts_once(folder: Path, name: str, options: dict[str, Any]) -> Facts:
    """Build an architecture, or read what another test of this run found when it built it."""
    recipe = json.dumps([name, options], sort_keys=True)
    with made_once(f"facts-{name}", recipe, folder) as (made, partial):
        if partial is not None:
            found = facts_of(edgecnn.build(name, **options))
            (partial / "facts.json").write_text(json.dumps(asdict(found)))
    return _read(json.loads((made / "facts.json").read_text()))


def facts_of(model: Any) -> Facts:
    cost = model_cost(model)
    return Facts(
        parameters=cost.parameters,
        macs=cost.macs,
        trained=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        outputs=tuple(tuple(output.shape[1:]) for output in model.outputs),
        layers={layer.name: _layer(layer) for layer in model.layers},
    )


def _layer(layer: Any) -> Layer:
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return Layer(
        kind=type(layer).__name__,
        input=tuple((inputs or [layer.output])[0].shape[1:]),
        output=tuple(layer.output.shape[1:]),
        has_bias=bool(getattr(layer, "use_bias", False)),
    )


def _read(found: dict[str, Any]) -> Facts:
    layers = {
        name: Layer(**{**layer, "input": tuple(layer["input"]), "output": tuple(layer["output"])})
        for name, layer in found.pop("layers").items()
    }
    outputs = tuple(tuple(shape) for shape in found.pop("outputs"))
    return Facts(layers=layers, outputs=outputs, **found)
