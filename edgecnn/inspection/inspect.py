"""``edgecnn.inspect``: what a ``.tflite`` file is, whoever made it. Nothing of it is run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.json_text import json_value
from edgecnn.core.json_writing import json_values
from edgecnn.data.inputspec import height_and_width
from edgecnn.devices.file_calls import file_call
from edgecnn.golden.drawn_arrays import ARRAYS_GENERATOR
from edgecnn.golden.sample import CALIBRATED_ON, GOLDEN_FILE, MAX_SAMPLE_BYTES
from edgecnn.inspection.clients import ClientVerdict, verdicts_on
from edgecnn.inspection.file_facts import FileFacts
from edgecnn.inspection.inputs_outputs import IoTensor, describe_io_tensor, normalization
from edgecnn.inspection.oddities import Oddity, find_oddities
from edgecnn.inspection.ops import operators_by_precision
from edgecnn.inspection.runtimes import OldestRuntime
from edgecnn.model_metadata.calibration_digests import CalibrationDigests
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.small_targets.limits import is_of_integers
from edgecnn.small_targets.micro import arena_bytes
from edgecnn.small_targets.target import TargetProof
from edgecnn.small_targets.targets import prove, small_target
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.cost import uncounted_ops, whole_cost
from edgecnn.tflite.memory import activation_bytes, tensor_bytes, widened_bytes
from edgecnn.tflite.outputs import final_activation
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Signature

MAX_LEVELS = 6
"""Most levels of JSON from a file that are shown; what lies deeper is left out."""


@dataclass(frozen=True)
class Costs:
    """Costs of a model: its size, its work and its memory.

    Args:
        parameters: Number of weights and biases of all graphs; None for a file that is compiled
            for the Edge TPU, as for all that follows.
        macs: Multiply-adds of convolutions, dense and recurrent layers for one image, within loops
            and branches too; None where shapes are open or not stated.
        weight_bytes: Bytes of the file's constants.
        widened_bytes: Further bytes of float16 weights once they are float32 in memory.
        activation_bytes: Peak memory of activations, an estimate; None where shapes are open or
            not stated, and for too large a graph.
        uncounted_ops: Kinds of ops that multiply, or may, and whose multiply-adds are not counted.
        open_loops: Number of loops whose number of steps is not known: ``macs`` are of one step of
            each.
        micro_arena_bytes: Memory that TensorFlow Lite Micro takes in all, as measured here; None
            for files that are not of integers alone, and where tflite-micro is not installed.
    """

    parameters: int | None
    macs: int | None
    weight_bytes: int | None
    widened_bytes: int | None
    activation_bytes: int | None
    uncounted_ops: tuple[str, ...] = ()
    open_loops: int = 0
    micro_arena_bytes: int | None = None


@dataclass(frozen=True)
class Inspection:
    """What a ``.tflite`` file is.

    Args:
        path: Path of the file.
        bytes: Size of the file.
        scheme: Quantisation scheme of the model, or ``"mixed"``; None without layers that have
            weights.
        description: What the converter wrote into the file.
        inputs: The model's inputs, with types, shapes, quantisation and normalisation.
        outputs: The model's outputs, with types, shapes, quantisation and kind.
        classes: Number of classes of the first output; None if nothing says that it is a row of
            class scores.
        activation: ``"softmax"`` or ``"sigmoid"`` if that makes the first output.
        operators: Kind of op -> precision -> count, the most frequent first.
        costs: Parameters, multiply-adds and memory of the model.
        subgraphs: Number of subgraphs. Costs, the scheme and the precision of ops are of all;
            inputs, outputs and what clients take are those of the first.
        signatures: Named ways to call the model.
        metadata: The public metadata; None if the file has none.
        labels: Labels of the first output; None if it has none.
        packed_files: Names of the files that are packed behind the model.
        metadata_buffers: Names of all metadata buffers.
        made_by: What edgecnn wrote into the file; None for files of other tools.
        golden: Number of ``samples`` of the golden sample and ``what`` they are, with what it was
            ``made``, and its ``provenance``, and the number of images that it was ``calibrated_on``
            if they are known by digest; None if the file has none that can be read.
        oldest_runtime: The oldest runtime that takes the file.
        clients: Which client libraries take the file as it is, and why others do not.
        oddities: What is unusual about the file.
        target: Whether the microcontroller or accelerator that was asked about takes the file.
    """

    path: Path
    bytes: int
    scheme: str | None
    description: str
    inputs: tuple[IoTensor, ...]
    outputs: tuple[IoTensor, ...]
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
    target: TargetProof | None = None

    @property
    def is_drop_in(self) -> bool:
        """Whether every known client takes the file as it is."""
        return all(verdict.ok is True for verdict in self.clients)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with None for NaN and infinity."""
        values = {**dataclasses.asdict(self), "path": str(self.path), "is_drop_in": self.is_drop_in}
        plain: dict[str, Any] = json_values(values)
        return plain


def inspect(
    path: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    target: str | None = None,
) -> Inspection:
    """Say what a ``.tflite`` file is: tensors, ops, costs, metadata, runtimes, clients, oddities.

    Args:
        path: A ``.tflite`` file of any tool.
        size: For a file that takes images of any size: pixels of their sides, or (height, width),
            for which costs are told. Only then is the file run, once, in a child process.
        target: A microcontroller's runtime or an accelerator: ``"ethos-u"``, ``"tflm"`` or
            ``"edgetpu"``. Its own tool is asked about the file, where that is installed.

    Raises:
        InputError: The file is missing, unreadable, truncated, no ``.tflite`` file, or its metadata
            or packed files are broken.

    Example:
        >>> inspection = edgecnn.inspect("mobilenet_v2_int8.tflite")
        >>> [verdict.client for verdict in inspection.clients if not verdict.ok]
        []
    """
    chosen = None if target is None else small_target(target)
    file = DescribedFile(path)
    costs = _costs(_sized(file, size), file.path)
    model, metadata, labels = file.model, file.metadata, file.labels
    facts = FileFacts(model, metadata, None if labels is None else len(labels))
    inputs = [
        describe_io_tensor(tensor, tensor_bytes(tensor), normalization(model, metadata, place))
        for place, tensor in enumerate(model.inputs)
    ]
    return Inspection(
        path=file.path,
        bytes=file.bytes,
        scheme=model.scheme if any(True for _ in model.weighted_operators()) else None,
        description=model.description,
        inputs=tuple(inputs),
        outputs=tuple(
            describe_io_tensor(tensor, tensor_bytes(tensor), judged=judged)
            for tensor, judged in zip(model.outputs, facts.outputs, strict=True)
        ),
        classes=facts.classes,
        activation=final_activation(model),
        operators=operators_by_precision(model),
        costs=costs,
        subgraphs=model.subgraphs,
        signatures=model.signatures,
        metadata=metadata,
        labels=labels,
        packed_files=tuple(file.packed_files),
        metadata_buffers=tuple(model.metadata),
        made_by=_shallow(model.edgecnn),
        golden=_golden(file.packed_files.get(GOLDEN_FILE)),
        oldest_runtime=facts.oldest,
        clients=verdicts_on(facts),
        oddities=find_oddities(facts, file.bytes),
        target=None if chosen is None else prove(file.path, model, chosen),
    )


def _sized(file: DescribedFile, size: int | tuple[int, int] | None) -> TfliteModel:
    if size is None:
        return file.model
    return file_call(file, CallOptions(height_and_width(size))).model


def _costs(model: TfliteModel, path: Path) -> Costs:
    if model.is_for_edge_tpu:
        return Costs(None, None, None, None, None, uncounted_ops(model))
    whole = whole_cost(model)
    return Costs(
        parameters=whole.parameters,
        macs=whole.macs,
        weight_bytes=whole.bytes,
        widened_bytes=widened_bytes(model),
        activation_bytes=activation_bytes(model),
        uncounted_ops=uncounted_ops(model),
        open_loops=whole.open_loops,
        micro_arena_bytes=arena_bytes(path, model) if is_of_integers(model) else None,
    )


def _golden(content: bytes | None) -> dict[str, Any] | None:
    """Return what a golden sample says of itself, its pictures and answers left out."""
    if content is None or len(content) > MAX_SAMPLE_BYTES:
        return None
    try:
        values = json_value(content)
    except ValueError:
        return None
    if not isinstance(values, dict) or not isinstance(values.get("samples"), list):
        return None
    facts = {key: _shallow(values[key]) for key in ("made", "provenance") if key in values}
    what = "samples of arrays" if values.get("generator") == ARRAYS_GENERATOR else "pictures"
    return {"samples": len(values["samples"]), "what": what, **_calibrated_on(values), **facts}


def _calibrated_on(values: dict[str, Any]) -> dict[str, int]:
    """Return how many images the file was made with, if their digests are in it."""
    try:
        return {CALIBRATED_ON: len(CalibrationDigests.from_dict(values[CALIBRATED_ON]))}
    except (LookupError, TypeError, ValueError):
        return {}


def _shallow(value: Any, levels: int = MAX_LEVELS) -> Any:
    """Return JSON without what is nested too deep to be walked through safely."""
    if isinstance(value, dict | list) and not levels:
        return None
    if isinstance(value, dict):
        return {key: _shallow(each, levels - 1) for key, each in value.items()}
    return [_shallow(each, levels - 1) for each in value] if isinstance(value, list) else value
