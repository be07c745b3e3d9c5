"""``edgecnn.inspect``: what a ``.tflite`` file is, whoever made it. Nothing of it is run."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.files import json_values
from edgecnn.golden.sample import GOLDEN_FILE, MAX_BYTES
from edgecnn.inspection.clients import ClientVerdict, Facts, clients_for
from edgecnn.inspection.inputs_outputs import End, end, normalization
from edgecnn.inspection.oddities import Oddity, find_oddities
from edgecnn.inspection.ops import operators_by_precision
from edgecnn.inspection.runtimes import OldestRuntime
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.tflite.cost import operator_rows
from edgecnn.tflite.memory import activation_bytes, tensor_bytes, widened_bytes
from edgecnn.tflite.outputs import activation, classes
from edgecnn.tflite.reading import Signature, TfliteModel

MAX_LEVELS = 6
"""Of JSON that stands in a file; what lies deeper is left out."""


@dataclass(frozen=True)
class Costs:
    """What a model holds and takes.

    Args:
        parameters: Values of weights and biases.
        macs: Multiply-adds of convolutions and dense layers for one image.
        weight_bytes: What the file's constants take.
        widened_bytes: What float16 weights take besides when they are float32 in memory.
        activation_bytes: Peak memory of activations, an estimate; None for too large a graph.
    """

    parameters: int
    macs: int
    weight_bytes: int
    widened_bytes: int
    activation_bytes: int | None


@dataclass(frozen=True)
class Inspection:
    """What a ``.tflite`` file is.

    Args:
        path: The file.
        bytes: Its size.
        scheme: Its quantisation scheme, or ``"mixed"``.
        description: What its converter wrote into it.
        inputs: With types, shapes, quantisation, normalisation.
        outputs: The same.
        classes: Of the first output; None if it is no row of class scores.
        activation: ``"softmax"`` or ``"sigmoid"`` if that makes the first output.
        operators: Kind -> precision -> count, the most frequent first.
        costs: Parameters, multiply-adds, memory.
        subgraphs: Their number; all else is about the first.
        signatures: Named ways to call it.
        metadata: The public metadata; None if it has none.
        labels: Of the first output; None if it has none.
        packed_files: Names of the files that are packed behind the model.
        metadata_buffers: Names of all metadata buffers.
        made_by: What edgecnn wrote into it; None for files of others.
        golden: ``samples`` of its golden sample, by what it was ``made``, and its ``provenance``;
            None if it has none that can be read.
        oldest_runtime: Which runtime takes it.
        clients: Which client libraries take it as it is, and why not.
        oddities: What is unusual.
    """

    path: Path
    bytes: int
    scheme: str
    description: str
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    classes: int | None
    activation: str | None
    operators: dict[str, dict[str, int]]
    costs: Costs
    subgraphs: int
    signatures: tuple[Signature, ...]
    metadata: ModelMetadata | None
    labels: tuple[str, ...] | None
    packed_files: tuple[str, ...]
    metadata_buffers: tuple[str, ...]
    made_by: dict[str, Any] | None
    golden: dict[str, Any] | None
    oldest_runtime: OldestRuntime
    clients: tuple[ClientVerdict, ...]
    oddities: tuple[Oddity, ...]

    @property
    def is_drop_in(self) -> bool:
        """Whether every client that is known takes it as it is."""
        return all(verdict.ok for verdict in self.clients)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; numbers that are none (NaN, infinity) are None."""
        values = {**dataclasses.asdict(self), "path": str(self.path), "is_drop_in": self.is_drop_in}
        plain: dict[str, Any] = json_values(values)
        return plain


def inspect(path: str | Path) -> Inspection:
    """Say what a ``.tflite`` file is: ends, ops, costs, metadata, runtimes, clients, oddities.

    Args:
        path: A file of edgecnn's or of anyone else's.

    Raises:
        InputError: It is missing, unreadable, truncated, no ``.tflite`` file, or its metadata or
            packed files are broken.

    Example:
        >>> found = edgecnn.inspect("mobilenet_v2_int8.tflite")
        >>> [verdict.client for verdict in found.clients if not verdict.ok]
        []
    """
    file = DescribedFile(path)
    model, metadata, labels = file.model, file.metadata, file.labels
    facts = Facts(model, metadata, None if labels is None else len(labels))
    inputs = [
        end(tensor, tensor_bytes(tensor), normalization(model, metadata, place))
        for place, tensor in enumerate(model.inputs)
    ]
    return Inspection(
        path=file.path,
        bytes=file.bytes,
        scheme=model.scheme,
        description=model.description,
        inputs=tuple(inputs),
        outputs=tuple(end(tensor, tensor_bytes(tensor)) for tensor in model.outputs),
        classes=classes(model),
        activation=activation(model),
        operators=operators_by_precision(model),
        costs=_costs(model),
        subgraphs=model.subgraphs,
        signatures=model.signatures,
        metadata=metadata,
        labels=labels,
        packed_files=tuple(file.packed_files),
        metadata_buffers=tuple(model.metadata),
        made_by=_shallow(model.edgecnn),
        golden=_golden(file.packed_files.get(GOLDEN_FILE)),
        oldest_runtime=facts.oldest,
        clients=clients_for(model, metadata, labels),
        oddities=find_oddities(facts, file.bytes),
    )


def _costs(model: TfliteModel) -> Costs:
    rows = operator_rows(model)
    return Costs(
        parameters=sum(row.parameters for row in rows),
        macs=sum(row.macs for row in rows),
        weight_bytes=sum(row.bytes for row in rows),
        widened_bytes=widened_bytes(model),
        activation_bytes=activation_bytes(model),
    )


def _golden(content: bytes | None) -> dict[str, Any] | None:
    """Return what a golden sample says of itself, its pictures and answers left out."""
    if content is None or len(content) > MAX_BYTES:
        return None
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or not isinstance(values.get("samples"), list):
        return None
    said = {key: _shallow(values[key]) for key in ("made", "provenance") if key in values}
    return {"samples": len(values["samples"]), **said}


def _shallow(value: Any, levels: int = MAX_LEVELS) -> Any:
    """Return JSON without what is nested too deep to be walked through safely."""
    if isinstance(value, dict | list) and not levels:
        return None
    if isinstance(value, dict):
        return {key: _shallow(each, levels - 1) for key, each in value.items()}
    return [_shallow(each, levels - 1) for each in value] if isinstance(value, list) else value
