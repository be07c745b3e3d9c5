"""From an int8 file that loses too much to a mix of int8 and float32 that does not (in the child).

What a mix loses is measured on the held-out images; its latency is estimated for the CPU that the
file is for, or measured on the device that it is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import ConversionError
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.quantize.budget.mix_estimate import Estimate, Mix, Scale
from edgecnn.quantize.budget.op_costs import OpCost, op_costs
from edgecnn.quantize.budget.search import (
    EXACT,
    MOST_TRIES,
    MixMaker,
    MixTry,
    Search,
    drop_of,
)
from edgecnn.quantize.budget.verdict import describe_miss
from edgecnn.quantize.latencies import Latencies
from edgecnn.quantize.recovery.fidelity import Fidelity
from edgecnn.quantize.recovery.pipeline import Recovered
from edgecnn.tflite.graph import Array, Graph
from edgecnn.tflite.target_cpu import TargetCpu

MEASURING_MACS = 2e11
"""Multiply-adds of measuring the ops one by one, which take a few seconds: the larger a network is,
the fewer images it is measured on."""
FEWEST_IMAGES, MOST_IMAGES = 4, 16


@dataclass(frozen=True)
class Mixable:
    """An int8 file and what is needed to make others of the same model.

    Args:
        float32: The file with all layers in float32.
        int8: The graph with none, its fidelity, and the float graph that it was made of.
        again: Makes that graph again; the results named stay in float32.
        write: Returns the bytes of a graph's file as it is published.
        inputs: Gives so many of the images that go into the float graph, none of the held-out ones.
        layers: As ``layer_names.keep_layer_names`` gave them.
        takes_pixels: Whether the int8 file takes uint8 pixels.
        cpu: What ops cost.
        latencies: Where the latencies of files come from.
    """

    float32: bytes
    int8: Recovered
    again: Callable[[Sequence[str]], Recovered]
    write: Callable[[Graph], bytes]
    inputs: Callable[[int], Array]
    layers: Mapping[str, TracedLayer]
    takes_pixels: bool
    cpu: TargetCpu
    latencies: Latencies


def within_budget(
    subject: Mixable, most_drop: float, on_progress: Callable[[str, int, int], None]
) -> tuple[Recovered, dict[str, Any]]:
    """Return the graph that is as near to int8 as a budget allows, and what it costs.

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
    int8 = subject.write(subject.int8.graph)
    slowdown = subject.latencies.race([subject.float32, int8]).ratio(0, over=1)
    if drop_of(subject.int8.after) <= most_drop + EXACT:
        whole = MixTry(frozenset(), subject.int8, int8, 1.0, 1 / slowdown.value, 1.0)
        return subject.int8, _report(subject, most_drop, whole, [], int8, tries=0)
    ops = _ops(subject, lambda done, total: on_progress("measure layers", done, total))
    scale = Scale(len(int8), slowdown.value, subject.cpu, subject.takes_pixels)
    base = frozenset(n for n, op in enumerate(ops) if op.name in subject.int8.in_float)
    search = Search(
        MixMaker(int8, subject.float32, subject.again, subject.write, subject.latencies),
        Estimate(ops, scale, base),
        most_drop,
        lambda number: on_progress(f"try mix {number} of at most {MOST_TRIES}", 0, 0),
    )
    best = search.run()
    if best is not None:
        return best.found, _report(subject, most_drop, best, ops, int8, tries=search.tries)
    nearest = search.nearest()
    miss = None
    if nearest is not None:
        miss = _report(subject, most_drop, nearest, ops, int8, tries=search.tries)
    raise ConversionError(describe_miss(most_drop, miss))


def _ops(subject: Mixable, on_progress: Callable[[int, int], None]) -> list[OpCost]:
    """Measure the noise of the ops one by one, on the fewer images the larger the network is."""
    int8, reference = subject.int8.graph, subject.int8.reference
    macs = sum(
        math.prod(op.result.shape[:-1]) * op.weights.elements
        for op in reference.ops
        if op.is_weighted
    )
    # The weights and the result of each op in turn, and half of the network after it.
    once = len(reference.ops) * macs or 1
    count = int(min(max(MEASURING_MACS / once, FEWEST_IMAGES), MOST_IMAGES))
    return op_costs(
        int8,
        reference,
        subject.inputs(count),
        subject.layers,
        centered=not subject.int8.is_plain,
        on_progress=on_progress,
    )


def _report(
    subject: Mixable,
    most_drop: float,
    tried: MixTry,
    ops: Sequence[OpCost],
    int8: bytes,
    *,
    tries: int,
) -> dict[str, Any]:
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
        "bytes": len(tried.content),
        "int8_bytes": len(int8),
        "float32_bytes": len(subject.float32),
        "bytes_over_int8": len(tried.content) / len(int8),
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


def layer_names(ops: Sequence[OpCost], mix: Mix) -> list[str]:
    """Return the Keras names of the layers of a mix, in the file's order, each once.

    Args:
        ops: Of the file.
        mix: Places of some of them; those that compute nothing have no say.
    """
    return list(dict.fromkeys(ops[place].layer for place in sorted(mix) if ops[place].is_layer))
