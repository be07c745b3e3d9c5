"""What is unusual about a file, and may surprise whoever ships it: each with what to do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgecnn.inspection.client_rules import CLIENTS, EDGE_TPU_ADVICE, RUNTIMES_OWN_OPS
from edgecnn.inspection.file_facts import FileFacts, few_names, shape_text
from edgecnn.inspection.inputs_outputs import (
    Normalization,
    described_normalization,
    is_image,
    normalization,
    own_spec,
    quantised_normalization,
)
from edgecnn.inspection.runtimes import parse_release
from edgecnn.tflite.numbers import STRINGS
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.outputs import final_activation, final_operator, takes_image
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.schemes import SCHEMES
from edgecnn.tflite.structure import Operator, TensorInfo

MANY_CLASSES = 256
"""Number of classes beyond which an 8-bit softmax has fewer levels than classes."""

MAX_FLATBUFFER_BYTES = 2**31 - 1
"""Most bytes that the format's offsets, and the memory of a web page, can reach."""

PIXELS_APART = 2.0
"""Most pixel values (of 255) by which two descriptions of one input may differ as the same."""


@dataclass(frozen=True)
class Oddity:
    """An unusual thing about a file.

    Args:
        kind: A stable word for programs, such as ``"open_shape"``.
        text: What the oddity means, and what to do.
    """

    kind: str
    text: str


def find_oddities(facts: FileFacts, file_bytes: int) -> tuple[Oddity, ...]:
    """List what is unusual about a file.

    Args:
        facts: The file's structure, metadata and labels.
        file_bytes: Size of the file.

    Example:
        >>> [oddity.kind for oddity in find_oddities(facts, path.stat().st_size)]
        ['float_islands', 'tied_scores']
    """
    parts = (_shapes, _inputs, _graph, _precisions, _scales, _outputs, _labels, _runtime)
    oddities = [oddity for part in parts for oddity in part(facts)]
    if file_bytes > MAX_FLATBUFFER_BYTES:
        text = "it is larger than 2 GB: web pages and 32-bit systems can't load it; quantise it"
        oddities.append(Oddity("huge", text))
    return tuple(oddities)


def _shapes(facts: FileFacts) -> Iterator[Oddity]:
    model = facts.model
    ends = (*model.inputs, *model.outputs)
    opened = next((tensor for tensor in ends if tensor.open_sides), None)
    if opened:
        what = f"its shape is open ({shape_text(opened.shape_signature or opened.shape)})"
        refused = ": LiteRT.js refuses it" if opened.has_rank else ""
        remedy = "a fixed size" if opened.is_open else "a batch of 1"
        yield Oddity("open_shape", f"{what}{refused}; convert it with {remedy}")
    unstated = [tensor.name for tensor in model.outputs if not tensor.states_shape]
    if unstated:
        text = f"it does not state the shape of its output ({few_names(unstated)}): clients may die"
        yield Oddity("unstated_shape", text)
    for tensor in model.inputs[:1]:
        if len(tensor.shape) == 4 and tensor.shape[0] != 1 and tensor.elements:
            batch = tensor.shape[0]
            text = f"it takes {batch} images at once: clients give one; convert with a batch of 1"
            yield Oddity("batch", text)
    if facts.shape_ops:
        yield Oddity(
            "shape_ops",
            f"sizes are worked out at run time ({_counts(facts.shape_ops)}): convert it with a "
            "fixed batch",
        )


def _inputs(facts: FileFacts) -> Iterator[Oddity]:
    model = facts.model
    if not model.inputs:
        return
    texts = [each.name for each in model.inputs if each.dtype == STRINGS]
    if texts:
        yield Oddity(
            "text_input",
            f"it takes text ({few_names(texts)}), and bench feeds numbers alone: nothing of it can "
            "be measured here",
        )
    tensor, is_picture = model.inputs[0], takes_image(model)
    if is_picture and len(model.inputs) == 1 and not normalization(model, facts.metadata):
        yield Oddity(
            "normalization_unknown",
            "nothing says how a pixel becomes its input: ask who trained it, and write it down "
            "with edgecnn metadata set",
        )
    if tensor.dtype in ("int8", "int16"):
        instead = "; uint8 takes pixels" if is_picture else ""
        text = f"its input is {tensor.dtype}: apps must quantise by themselves{instead}"
        yield Oddity("int8_ends", text)
    if is_image(tensor):
        yield from _contradictions(facts)


def _contradictions(facts: FileFacts) -> Iterator[Oddity]:
    model = facts.model
    descriptions = [
        description
        for description in (
            normalization(model, None) if own_spec(model) else None,
            described_normalization(facts.metadata),
            quantised_normalization(model.inputs[0]),
        )
        if description is not None
    ]
    if any(_differ(descriptions[0], other) for other in descriptions[1:]):
        sources = " and ".join(description.source for description in descriptions)
        yield Oddity(
            "normalization_contradicts",
            f"{sources} do not say the same of its input: clients will answer differently",
        )


def _differ(one: Normalization, other: Normalization) -> bool:
    """Say whether two descriptions differ for black or white, in pixels of the first one."""
    channels = max(len(one.mean), len(other.mean))
    if {len(one.mean), len(other.mean)} - {1, channels}:
        return True
    first, second = _by_channel(one, channels), _by_channel(other, channels)
    return any(
        abs((pixel - m) / s - (pixel - n) / t) * s > PIXELS_APART
        for (m, s), (n, t) in zip(first, second, strict=True)
        for pixel in (0, 255)
    )


def _by_channel(pixels: Normalization, channels: int) -> list[tuple[float, float]]:
    """Return mean and deviation of each channel."""
    means, deviations = pixels.mean * channels, pixels.std * channels
    return list(zip(means[:channels], deviations[:channels], strict=True))


def _graph(facts: FileFacts) -> Iterator[Oddity]:
    model = facts.model
    if model.subgraphs != 1:
        text = f"it has {model.subgraphs} subgraphs: MediaPipe takes one; only the first is shown"
        yield Oddity("subgraphs", text)
    flex = [name for name in facts.custom_ops if name.startswith("Flex")]
    if flex:
        yield Oddity(
            "flex_ops",
            f"it has TensorFlow ops ({few_names(flex)}): apps need the Flex delegate, tens of MB; "
            "replace those layers",
        )
    if model.is_for_edge_tpu:
        yield Oddity("edge_tpu", EDGE_TPU_ADVICE)
    custom = [name for name in facts.custom_ops if not name.startswith("Flex")]
    for name in custom:
        bringing = RUNTIMES_OWN_OPS.get(name, ())
        if bringing == CLIENTS:
            continue
        known = f", which only {', '.join(bringing)} bring along" if bringing else ""
        who = "apps with another runtime" if bringing else "apps"
        text = f"it has the custom op {few_names([name])}{known}: {who} must register it"
        yield Oddity("custom_ops", text)
    if facts.unmade_reads:
        yield Oddity(
            "unmade_tensors",
            f"ops that read what no op before them makes: {facts.unmade_reads}; the file is "
            "broken: remake it",
        )


def _precisions(facts: FileFacts) -> Iterator[Oddity]:
    model = facts.model
    schemes = Counter(scheme for _, scheme in model.weighted_operators())
    integers = sum(schemes[name] for name, one in SCHEMES.items() if one.is_calibrated)
    body = _without_tail(model)
    islands = Counter(op.name for op in body if op.dtype == "float32" and not op.traits.converts)
    if integers and islands:
        yield Oddity(
            "float_islands",
            f"float32 ops stand among integer ones ({_counts(islands)}): accelerators that take "
            "integers alone refuse them; convert with --all-int8",
        )
    inside = _conversions_inside(model, body)
    if inside:
        yield Oddity(
            "conversions_inside",
            f"conversions between types inside the graph: {inside}, and each costs time",
        )
    pairs = _pairs(model)
    if pairs:
        yield Oddity(
            "quantize_pairs",
            f"values that are made float32 and at once quantised again: {pairs}; convert it anew",
        )


def _without_tail(model: TfliteModel) -> list[Operator]:
    """Leave out what stands in float32 behind the last layer: a softmax is best so."""
    operators = list(model.operators)
    while operators and _is_plain_float(operators[-1]):
        operators.pop()
    return operators


def _is_plain_float(op: Operator) -> bool:
    return op.dtype == "float32" and not op.traits.has_weights


def _conversions_inside(model: TfliteModel, body: Sequence[Operator]) -> int:
    ends = {tensor.index for tensor in (*model.inputs, *model.outputs)}
    return sum(
        op.traits.converts
        and (source := op.input(0)) is not None
        and not source.is_constant
        and not {source.index, *(result.index for result in op.outputs)} & ends
        for op in body
    )


def _pairs(model: TfliteModel) -> int:
    widened = {
        result.index for op in model.operators if op.name == "DEQUANTIZE" for result in op.outputs
    }
    sources = (op.input(0) for op in model.operators if op.name == "QUANTIZE")
    return sum(source is not None and source.index in widened for source in sources)


def _scales(facts: FileFacts) -> Iterator[Oddity]:
    tensors: dict[int, TensorInfo] = {}
    for op in facts.model.operators:
        tensors.update((t.index, t) for t in (*op.inputs, *op.outputs) if t is not None)
    broken = [
        t.name
        for t in tensors.values()
        if any(not math.isfinite(scale) or scale < 0 for scale in t.scale)
    ]
    if broken:
        yield Oddity(
            "broken_scales",
            f"scales that are no positive numbers ({few_names(broken)}): its answers are "
            "worthless; make it again",
        )


def _outputs(facts: FileFacts) -> Iterator[Oddity]:
    model = facts.model
    if any(tensor.dtype in ("int8", "int16") for tensor in model.outputs):
        text = "its output is no uint8 or float32: MediaPipe and LiteRT.js refuse it"
        yield Oddity("int8_output", text)
    for output in () if model.is_for_edge_tpu else facts.outputs:
        if output.kind is OutputKind.UNKNOWN and not output.is_sure:
            yield Oddity(
                "kind_unknown",
                f"nothing says what its output is: {output.because}; convert it with --task",
            )
    count = facts.classes
    if count is None:
        return
    ends_in = final_activation(model)
    if ends_in is None:
        text = "it ends without softmax: scores are logits, which apps show as they are; convert "
        yield Oddity("logits", f"{text}it with --softmax")
    last = final_operator(model, model.outputs[0])
    if ends_in and last and last.dtype in ("int8", "uint8") and count > MANY_CLASSES:
        yield Oddity(
            "tied_scores",
            f"{count} classes share the 256 levels of an 8-bit {ends_in}: low scores tie; where "
            "their order matters take float16",
        )


def _labels(facts: FileFacts) -> Iterator[Oddity]:
    count = facts.classes
    if facts.labels is not None and count is not None and facts.labels != count:
        yield Oddity(
            "label_count",
            f"{facts.labels} labels for {count} classes: names will be wrong or missing; "
            "edgecnn metadata set --labels FILE",
        )


def _runtime(facts: FileFacts) -> Iterator[Oddity]:
    oldest = facts.oldest
    declared = parse_release(oldest.declared) if oldest.declared else None
    if oldest.version and declared and declared < parse_release(oldest.version):
        yield Oddity(
            "declared_runtime",
            f"it says that runtime {oldest.declared} takes it, and {oldest.because} needs "
            f"{oldest.version}",
        )
    custom = {code.name for code in facts.model.operator_codes if code.is_custom}
    unknown = [name for name in oldest.unknown if name not in custom]
    if unknown:
        text = f"it is not known which runtime brought {few_names(unknown)}"
        yield Oddity("unknown_ops", text)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
