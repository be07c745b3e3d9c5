"""From an int8 file that loses too much to a mix of int8 and float32 that does not (in the child).

What a mix loses is measured on the held-out images; its latency is estimated for the CPU that the
file is for, or measured on the device that it is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.core.child import Message
from edgecnn.core.errors import ConversionError
from edgecnn.quantize.budget.costs import Op, ops_of
from edgecnn.quantize.budget.estimate import Estimate, Mix, Scale
from edgecnn.quantize.budget.search import EXACT, MOST_TRIES, Files, Search, Tried, drop_of
from edgecnn.quantize.budget.verdict import describe_miss
from edgecnn.quantize.latencies import Latencies
from edgecnn.quantize.recovery.fidelity import Fidelity
from edgecnn.quantize.recovery.recover import Quantized, Recovered
from edgecnn.tflite.cost import multiply_adds
from edgecnn.tflite.operators import Array
from edgecnn.tflite.reading import parse_model
from edgecnn.tflite.target_cpu import TargetCpu

MEASURING_MACS = 2e11
"""Multiply-adds of measuring the ops one by one, which take a few seconds: the larger a network is,
the fewer images it is measured on."""
FEWEST_IMAGES, MOST_IMAGES = 4, 16


@dataclass(frozen=True)
class Subject:
    """An int8 file and what is needed to make others of the same model.

    Args:
        float32: The file with all layers in float32.
        int8: The file with none, its fidelity, and the float file that it was made of.
        again: Makes that file again; the results named stay in float32.
        inputs: Gives so many of the images that go into the float file, none of the held-out ones.
        layers: As ``naming.keep_layer_names`` gave them.
        takes_pixels: Whether the int8 file takes uint8 pixels.
        cpu: What ops cost.
        latencies: Where the latencies of files come from.
    """

    float32: bytes
    int8: Recovered
    again: Callable[[Sequence[str]], Recovered]
    inputs: Callable[[int], Array]
    layers: Mapping[str, Any]
    takes_pixels: bool
    cpu: TargetCpu
    latencies: Latencies


def within_budget(
    subject: Subject, most_drop: float, on_progress: Callable[[str, int, int], None]
) -> tuple[Recovered, Message]:
    """Return the file that is as near to int8 as a budget allows, and what it costs.

    Args:
        subject: The int8 file.
        most_drop: The budget, in points.
        on_progress: Told (phase, done, total).

    Returns:
        The int8 file itself where it is within the budget, else the cheapest mix that is; and the
        ``budget`` of :class:`edgecnn.quantize.result.Conversion`.

    Raises:
        ConversionError: No mix that is smaller and faster than float32 is within it.
    """
    on_progress("compare the latencies of int8 and float32", 0, 0)
    slowdown = subject.latencies.race([subject.float32, subject.int8.content]).ratio(0, over=1)
    if drop_of(subject.int8.after) <= most_drop + EXACT:
        whole = Tried(frozenset(), subject.int8, 1.0, 1 / slowdown.value, 1.0)
        return subject.int8, _report(subject, most_drop, whole, [], tries=0)
    ops = _ops(subject, lambda done, total: on_progress("measure layers", done, total))
    size = len(subject.int8.content)
    scale = Scale(size, slowdown.value, subject.cpu, subject.takes_pixels)
    base = frozenset(n for n, op in enumerate(ops) if op.name in subject.int8.in_float)
    search = Search(
        Files(subject.int8.content, subject.float32, subject.again, subject.latencies),
        Estimate(ops, scale, base),
        most_drop,
        lambda number: on_progress(f"try mix {number} of at most {MOST_TRIES}", 0, 0),
    )
    best = search.run()
    if best is not None:
        return best.found, _report(subject, most_drop, best, ops, tries=search.tries)
    nearest = search.nearest()
    miss = None
    if nearest is not None:
        miss = _report(subject, most_drop, nearest, ops, tries=search.tries)
    raise ConversionError(describe_miss(most_drop, miss))


def _ops(subject: Subject, on_progress: Callable[[int, int], None]) -> list[Op]:
    """Measure the noise of the ops one by one, on the fewer images the larger the network is."""
    made = Quantized(subject.int8.reference, subject.int8.content)
    model = parse_model(made.reference, "the float file")
    # The weights and the result of each op in turn, and half of the network after it.
    once = len(model.operators) * sum(map(multiply_adds, model.operators)) or 1
    count = int(min(max(MEASURING_MACS / once, FEWEST_IMAGES), MOST_IMAGES))
    centered = not subject.int8.is_plain
    images = subject.inputs(count)
    return ops_of(made, images, subject.layers, centered=centered, on_progress=on_progress)


def _report(
    subject: Subject, most_drop: float, tried: Tried, ops: Sequence[Op], *, tries: int
) -> Message:
    before, after = subject.int8.after, tried.found.after
    return {
        "max_drop": most_drop,
        "measure": "agreement" if after.top1_percent is None else "top-1",
        "images": after.images,
        "drop": drop_of(after),
        "int8_drop": drop_of(before),
        "uncertainty": _uncertainty(after),
        "layers_in_float": layer_names(ops, tried.mix),
        "layers": len(layer_names(ops, frozenset(range(len(ops))))) or None,
        "bytes": len(tried.found.content),
        "int8_bytes": len(subject.int8.content),
        "float32_bytes": len(subject.float32),
        "bytes_over_int8": len(tried.found.content) / len(subject.int8.content),
        "latency_over_int8": tried.over_int8,
        "latency_over_float32": tried.over_float32,
        "latency_source": subject.latencies.source,
        "tries": tries,
    }


def _uncertainty(fidelity: Fidelity) -> float:
    """Return the standard error of a drop in points; for top-1 it is at most this.

    Only images whose best class changed can be won or lost.
    """
    assert fidelity.agreement is not None
    return 100.0 * math.sqrt((1.0 - fidelity.agreement) / fidelity.images)


def layer_names(ops: Sequence[Op], mix: Mix) -> list[str]:
    """Return the Keras names of the layers of a mix, in the file's order, each once.

    Args:
        ops: Of the file.
        mix: Places of some of them; those that compute nothing have no say.
    """
    return list(dict.fromkeys(ops[place].layer for place in sorted(mix) if ops[place].is_layer))
