"""``edgecnn inspect``: what ``.tflite`` files are, and which clients take them as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli.failures import Failures
from edgecnn.cli.options import file_size_option, json_option
from edgecnn.cli.output import say, say_json
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.json_writing import json_text
from edgecnn.core.text import counted, first_few, shortened, size_text
from edgecnn.data.geometry import ASYMMETRIC, CROP, MEDIAPIPE_TASKS, Geometry
from edgecnn.tflite.numbers import STRINGS

if TYPE_CHECKING:
    from edgecnn.inspection.inputs_outputs import IoTensor, Normalization
    from edgecnn.inspection.inspect import Inspection

SHOWN_KINDS = 12
SHOWN_TENSORS = 8
SHOWN_CHARACTERS_OF_FILE = 160
"""Characters that are shown of a text in a file; ``--json`` has the whole text."""

ROW_STYLES = {"drop-in for": "green", "not for": "red", "not known": "yellow", "note": "yellow"}
TARGET_LABELS = {True: "target", False: "not for", None: "not known"}
NO_LAYERS = "not known, as the Edge TPU's op hides the layers"

Row = tuple[str, str]


@click.command("inspect")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_option(help="Print a JSON array with everything.")
@file_size_option
@click.option(
    "--target",
    metavar="ethos-u|tflm|edgetpu",
    help="Ask its own tool about the file: Vela, tflite-micro; the Edge TPU's limits.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 unless all clients take a file as is; with --target, unless that does.",
)
def inspect_command(
    files: tuple[str, ...],
    as_json: bool,
    size: tuple[int, int] | None,
    target: str | None,
    check: bool,
) -> int:
    """Say what .tflite files are: inputs, ops, cost, metadata, runtimes, clients, oddities.

    FILE may be anyone's; nothing of it is run, except for the costs at a --size and by --target
    tflm.

    \b
    Example:
      edgecnn inspect model.tflite
      edgecnn inspect --check --json model.tflite
      edgecnn inspect any_size.tflite --size 224
      edgecnn inspect integers.tflite --target ethos-u
    """
    from edgecnn import inspect

    inspections: list[Inspection] = []
    failures = Failures()
    for file in files:
        try:
            inspections.append(inspect(file, size=size, target=target))
        except EdgecnnError as error:
            failures.add(error)
        else:
            if not as_json:
                _print(inspections[-1], is_first=len(inspections) == 1)
    if as_json:
        say_json([inspection.to_dict() for inspection in inspections])
    shut_out = check and not all(map(_is_taken, inspections))
    return failures.exit_code or int(shut_out)


def _is_taken(inspection: Inspection) -> bool:
    if inspection.target is not None:
        return inspection.target.takes is True
    return inspection.is_drop_in


def _print(inspection: Inspection, *, is_first: bool) -> None:
    from edgecnn.cli.table import print_pairs

    if not is_first:
        say()
    kind = inspection.scheme or "no layers with weights"
    if inspection.costs.parameters is None:
        kind = "compiled for the Edge TPU"
    size = f"{size_text(inspection.bytes)}, {kind}"
    say(f"{inspection.path}  {size}")
    rows = list(_rows(inspection))
    labels_before = ["", *(label for label, _ in rows)]
    print_pairs(
        ("" if label == before else label, ROW_STYLES.get(label, "bold"), text)
        for (label, text), before in zip(rows, labels_before, strict=False)
    )


def _rows(inspection: Inspection) -> Iterator[Row]:
    yield from _tensor_rows("input", inspection.inputs)
    yield from _tensor_rows("output", inspection.outputs)
    yield from _answers(inspection)
    if (labels := inspection.labels) is not None:
        shown = first_few((_shown(label, 30) for label in labels), "; ")
        yield "labels", f"{len(labels):,}: {shown}"
    yield "cost", _cost(inspection)
    yield "memory", _memory(inspection)
    yield "ops", _operators(inspection.operators)
    yield from _origin(inspection)
    yield "runtime", _runtime(inspection)
    yield from _clients(inspection)
    if (asked := inspection.target) is not None:
        yield TARGET_LABELS[asked.takes], f"{asked.target}: {asked.summary}"
        yield from (("note", note) for note in asked.notes)
    for oddity in inspection.oddities:
        yield "note", oddity.text
    yield "each op", "edgecnn summary FILE"


def _answers(inspection: Inspection) -> Iterator[Row]:
    from edgecnn.tflite.output_kinds import NOUNS, OutputKind

    if inspection.classes is not None:
        is_set = inspection.outputs[0].kind == OutputKind.LABELS.value
        names = "labels, each of which may be true" if is_set else "classes"
        yield "answers", f"{inspection.activation or 'logits'} of {inspection.classes:,} {names}"
        return

    for output in inspection.outputs[:SHOWN_TENSORS]:
        name = f"{_shown(output.name, 60)}: " if len(inspection.outputs) > 1 else ""
        yield "answers", f"{name}{NOUNS[OutputKind(output.kind)]} ({output.because})"


def _tensor_rows(label: str, tensors: Sequence[IoTensor]) -> Iterator[Row]:
    for tensor in tensors[:SHOWN_TENSORS]:
        shape = _shape(tensor.shape)
        parts = [f"{_shown(tensor.name, 60) or 'without a name'}: {tensor.dtype} {shape}"]
        if len(tensor.scale) == 1:
            parts.append(f"scale {tensor.scale[0]:.4g}")
            parts += [f"zero point {point}" for point in tensor.zero_point[:1]]
        elif tensor.scale:
            parts.append(f"{len(tensor.scale)} scales")
        if tensor.shape_signature:
            parts.append("open shape")
        yield label, ", ".join(parts)
        if tensor.normalization is not None:
            yield label, _normalization(tensor.normalization, tensor.dtype)
            if tensor.shape is not None:
                yield "images", _geometry(tensor.normalization.geometry, tensor.shape)
    if len(tensors) > SHOWN_TENSORS:
        yield label, f"and {len(tensors) - SHOWN_TENSORS} more"


def _shape(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "of a shape that is not stated"
    return "x".join(map(str, shape)) or "single number"


def _normalization(normalization: Normalization, dtype: str) -> str:
    mean, std = _numbers(normalization.mean), _numbers(normalization.std)
    formula = f"(pixel - {mean}) / {std}"
    if (mean, std) == ("0", "1"):
        formula = "pixels from 0 to 255"
    takes = formula
    if dtype == "uint8":
        takes = f"pixels as they are, which stand for {formula}"
    elif dtype == "int8":
        takes = f"integers that stand for {formula}"
    order = f" in {normalization.color_order}" if normalization.color_order else ""
    return f"takes {takes}{order}, says {normalization.source}"


def _geometry(geometry: Geometry | None, shape: tuple[int, ...]) -> str:
    if geometry is None:
        return "the file does not say how they come to its size; MediaPipe stretches them whole"
    text = geometry.text(*shape[1:3])
    if geometry == MEDIAPIPE_TASKS:
        return text
    if geometry == Geometry(CROP, geometry.crop_fraction, ASYMMETRIC):
        return f"{text}; MediaPipe needs that centre as its region of interest"
    return f"{text}; MediaPipe resizes otherwise: give it images of this size (edgecnn snippet)"


def _numbers(values: tuple[float, ...]) -> str:
    texts = [f"{value:.6g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"[{', '.join(texts)}]"


def _cost(inspection: Inspection) -> str:
    costs = inspection.costs
    if costs.parameters is None or costs.weight_bytes is None:
        return NO_LAYERS
    macs = "MACs not known, as shapes are open"
    if costs.macs is not None:
        macs = f"{_millions(costs.macs, 1)} MACs"
        if costs.uncounted_ops:
            macs += f" without those of {first_few(_shown(op, 60) for op in costs.uncounted_ops)}"
        if costs.open_loops:
            macs += f" with one step of {counted(costs.open_loops, 'loop')} of unknown length"
    weights = size_text(costs.weight_bytes)
    return f"{_millions(costs.parameters, 2)} parameters, {macs}, {weights} of weights"


def _millions(value: int, digits: int) -> str:
    """Return a number in millions, or as it is where nothing of it would be left."""
    return f"{value / 1e6:,.{digits}f} M" if value >= 100_000 else f"{value:,}"


def _memory(inspection: Inspection) -> str:
    costs = inspection.costs
    if costs.parameters is None:
        return NO_LAYERS
    ends = (*inspection.inputs, *inspection.outputs)
    if costs.activation_bytes is None and any(tensor.dtype == STRINGS for tensor in ends):
        return "not known, as text has no size of its own"
    if costs.activation_bytes is None and costs.macs is None:
        if all(not tensor.shape_signature for tensor in inspection.inputs):
            return "not known, as shapes are worked out at run time"
        return "not known, as shapes are open: --size says one of its images"
    if costs.activation_bytes is None:
        return "too many tensors to plan their memory"
    text = f"about {size_text(costs.activation_bytes)} for activations at once"
    if costs.widened_bytes:
        text += f", {size_text(costs.widened_bytes)} for weights as float32"
    if costs.micro_arena_bytes:
        text += f"; TensorFlow Lite Micro takes an arena of {size_text(costs.micro_arena_bytes)}"
    return text


def _operators(operators: dict[str, dict[str, int]]) -> str:
    parts = []
    for kind, precisions in list(operators.items())[:SHOWN_KINDS]:
        total = sum(precisions.values())
        each = [f"{count} {name}" for name, count in precisions.items()]
        detail = f"({', '.join(each)})" if len(each) > 1 else next(iter(precisions))
        parts.append(f"{total} {_shown(kind, 60)} {detail}")
    if len(operators) > SHOWN_KINDS:
        parts.append(f"{len(operators) - SHOWN_KINDS} more kinds")
    total = sum(sum(precisions.values()) for precisions in operators.values())
    return f"{total:,}: {', '.join(parts)}" if parts else "none"


def _origin(inspection: Inspection) -> Iterator[Row]:
    about = inspection.metadata
    if about is not None:
        texts = (about.name, about.version, about.author, about.license, about.description)
        yield "metadata", "; ".join(_shown(text) for text in texts if text) or "without a name"
    for signature in inspection.signatures[:SHOWN_TENSORS]:
        inputs, outputs = (", ".join(_shown(n, 40) for n in names[:SHOWN_TENSORS])
                           for names in (signature.inputs, signature.outputs))  # fmt: skip
        yield "signature", f"{_shown(signature.name, 60)}({inputs}) -> {outputs}"
    if inspection.subgraphs != 1:
        yield "subgraphs", f"{inspection.subgraphs:,}"
    if packed := inspection.packed_files:
        names = ", ".join(_shown(name, 60) for name in packed[:SHOWN_TENSORS])
        more = len(packed) - SHOWN_TENSORS
        yield "packed", f"{names} and {more} more" if more > 0 else names
    yield from _makers(inspection)


def _makers(inspection: Inspection) -> Iterator[Row]:
    if inspection.description:
        yield "made by", _shown(inspection.description)
    made_by = inspection.made_by or {}
    keys = ("edgecnn", "source", "weights")
    parts = [f"{key} {made_by[key]}" for key in keys if isinstance(made_by.get(key), str)]
    if parts:
        yield "made by", _shown(", ".join(parts))
    yield from _golden(inspection.golden or {})


def _golden(golden: dict[str, Any]) -> Iterator[Row]:
    if golden:
        yield "golden", f"{golden['samples']} {golden['what']} with answers: edgecnn verify FILE"
    if images := golden.get("calibrated_on"):
        yield "golden", f"made with {images:,} images, which bench --data knows by their digests"
    provenance = golden.get("provenance")
    for key, value in (
        list(provenance.items())[:SHOWN_KINDS] if isinstance(provenance, dict) else ()
    ):
        text = value if isinstance(value, str) else json_text(value, indent=None)
        yield "golden", f"{_shown(key, 40)}: {_shown(text)}"


def _runtime(inspection: Inspection) -> str:
    oldest = inspection.oldest_runtime
    if inspection.costs.parameters is None:
        return "none that runs on a CPU"
    if oldest.version is None:
        return "it is not known which takes it"
    because = f" ({oldest.because})" if oldest.because else ""
    return f"{oldest.version} or later{because}"


def _clients(inspection: Inspection) -> Iterator[Row]:
    taking = [verdict.client for verdict in inspection.clients if verdict.ok]
    if taking:
        yield "drop-in for", ", ".join(taking)
    for label, ok in (("not for", False), ("not known", None)):
        others: dict[tuple[str, ...], list[str]] = {}
        for verdict in inspection.clients:
            if verdict.ok is ok:
                others.setdefault(verdict.reasons, []).append(verdict.client)
        for reasons, clients in others.items():
            yield label, f"{', '.join(clients)}: {'; '.join(reasons)}"


def _shown(text: str, limit: int = SHOWN_CHARACTERS_OF_FILE) -> str:
    return shortened(text, limit)
