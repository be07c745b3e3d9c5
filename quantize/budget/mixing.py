"""From an int8 file that loses too much to a mix of int8 and float32 that does not (in the child).

The accuracy that a mix loses is measured on the held-out images. Its latency is estimated for a
kind of CPU, or measured on a device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgecnn.core.errors import ConversionError
from edgecnn.core.progress import Progress
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.quantize.budget.mix_estimate import CostScale, Estimate, Mix
from edgecnn.quantize.budget.op_costs import OpCost, macs_of, op_costs
from edgecnn.quantize.budget.search import (
    DROP_TOLERANCE,
    MOST_TRIES,
    MixMaker,
    MixTry,
    Search,
    drop_of,
    unit_of,
)
from edgecnn.quantize.budget.verdict import BUDGET_UNITS, BudgetOutcome, describe_miss
from edgecnn.quantize.recovery.fidelity import OutputComparison
from edgecnn.quantize.recovery.pipeline import RecoveredGraph
from edgecnn.quantize.recovery.proof import Fidelity
from edgecnn.quantize.timing.latencies import Latencies
from edgecnn.records.interval import LatencyRatio
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.target_cpu import TargetCpu
from edgecnn.tflite.tensors_and_ops import Array

MEASURING_MACS = 2e11
"""Multiply-adds to spend on measuring the ops one by one, which take a few seconds: the larger a
network is, the fewer images it is measured on."""
FEWEST_IMAGES, MOST_IMAGES = 4, 16
"""Limits of the number of images on which the ops are measured one by one."""


@dataclass(frozen=True)
class Mixable:
    """An int8 file and what is needed to make others of the same model.

    Args:
        float32: The file with all layers in float32.
        int8: The graph whose layers are all int8, its fidelity, and the float graph that it was
            made of.
        remake: Makes the int8 graph again, with the results of the given names in float32.
        write: Returns the bytes of a graph's file as it is published.
        inputs: Returns a number of samples of each input as the float graph takes them; none is
            held out.
        comparison: How the scores are compared.
        layers: The traced layers by name, from ``layer_names.traced_layers``.
        takes_pixels: Whether the int8 file takes integers, such as pixels.
        cpu: The cost table of ops.
        latencies: Where the latencies of files come from.
    """

    float32: bytes
    int8: RecoveredGraph
    remake: Callable[[Sequence[str]], RecoveredGraph]
    write: Callable[[Graph], bytes]
    inputs: Callable[[int], Sequence[Array]]
    comparison: OutputComparison
    layers: Mapping[str, TracedLayer]
    takes_pixels: bool
    cpu: TargetCpu
    latencies: Latencies


ALIKE = LatencyRatio(1.0, 1.0, 1.0)
"""Latency of a file over its own."""


def mix_within_budget(
    subject: Mixable, most_drop: float, on_progress: Progress
) -> tuple[RecoveredGraph, BudgetOutcome]:
    """Return the graph that is as near to int8 as a budget allows, and what it costs.

    Args:
        subject: The int8 file.
        most_drop: The budget, in points.
        on_progress: Called with (phase, done, total).

    Returns:
        The int8 file itself where it is within the budget, else the cheapest mix that is; and what
        keeping within the budget took.

    Raises:
        ConversionError: No mix that is smaller and faster than float32 is within the budget.
    """
    on_progress("compare the latencies of int8 and float32", 0, 0)
    int8 = subject.write(subject.int8.graph)
    slowdown = subject.latencies.race([subject.float32, int8]).ratio(0, over=1)
    if drop_of(subject.int8.after) <= most_drop + DROP_TOLERANCE:
        whole = MixTry(frozenset(), subject.int8, int8, ALIKE, slowdown.inverse, 1.0)
        return subject.int8, _outcome(subject, most_drop, whole, [], int8, tries=0)
    ops = _ops(subject, lambda done, total: on_progress("measure layers", done, total))
    scale = CostScale(len(int8), slowdown.value, subject.cpu, subject.takes_pixels)
    base = frozenset(n for n, op in enumerate(ops) if op.name in subject.int8.in_float)
    search = Search(
        MixMaker(int8, subject.float32, subject.remake, subject.write, subject.latencies),
        Estimate(ops, scale, base),
        most_drop,
        lambda number: on_progress(f"try mix {number} of at most {MOST_TRIES}", 0, 0),
    )
    best = search.run()
    if best is not None:
        return best.recovered, _outcome(subject, most_drop, best, ops, int8, tries=search.tries)
    nearest = search.nearest()
    miss = None
    if nearest is not None:
        miss = _outcome(subject, most_drop, nearest, ops, int8, tries=search.tries)
    raise ConversionError(describe_miss(most_drop, miss, unit_of(subject.int8.after)))


def _ops(subject: Mixable, on_progress: Callable[[int, int], None]) -> list[OpCost]:
    """Measure the noise of the ops one by one, on the fewer images the larger the network is."""
    int8, reference = subject.int8.graph, subject.int8.reference
    macs = sum(map(macs_of, reference.ops))
    # Each op is changed in its weights and in its result, and each time half of the network is run
    # after it, on the average.
    once = len(reference.ops) * macs or 1
    count = int(min(max(MEASURING_MACS / once, FEWEST_IMAGES), MOST_IMAGES))
    return op_costs(
        int8,
        reference,
        subject.inputs(count),
        subject.comparison,
        subject.layers,
        centered=not subject.int8.is_plain,
        on_progress=on_progress,
    )


def _outcome(
    subject: Mixable,
    most_drop: float,
    tried: MixTry,
    ops: Sequence[OpCost],
    int8: bytes,
    *,
    tries: int,
) -> BudgetOutcome:
    before, after = subject.int8.after, tried.recovered.after
    return BudgetOutcome(
        max_drop=most_drop,
        measure=unit_of(after),
        images=after.images,
        drop=drop_of(after),
        int8_drop=drop_of(before),
        uncertainty=_uncertainty(after),
        layers_in_float=tuple(layer_names(ops, tried.mix)),
        layers=len(layer_names(ops, frozenset(range(len(ops))))) or None,
        bytes=len(tried.content),
        int8_bytes=len(int8),
        float32_bytes=len(subject.float32),
        bytes_over_int8=len(tried.content) / len(int8),
        latency_over_int8=tried.over_int8.value,
        latency_over_int8_low=tried.over_int8.low,
        latency_over_int8_high=tried.over_int8.high,
        latency_over_float32=tried.over_float32.value,
        latency_over_float32_low=tried.over_float32.low,
        latency_over_float32_high=tried.over_float32.high,
        latency_source=subject.latencies.source,
        tries=tries,
        are_images=after.are_images,
    )


def _uncertainty(fidelity: Fidelity) -> float:
    """Return the standard error of a drop in points, which for top-1 is an upper bound.

    Only images whose best class changed can be won or lost. It is 0 where nothing tells it, as of
    the positions of a map, which have much to do with each other.
    """
    if fidelity.agreement is None or not BUDGET_UNITS[unit_of(fidelity)].counts_images:
        return 0.0
    return 100.0 * math.sqrt((1.0 - fidelity.agreement) / fidelity.images)


def layer_names(ops: Sequence[OpCost], mix: Mix) -> list[str]:
    """Return the Keras names of the layers of a mix, in the file's order, each once.

    Args:
        ops: The ops of the graph.
        mix: Places of ops; those that compute nothing have no layer.
    """
    return list(dict.fromkeys(ops[place].layer for place in sorted(mix) if ops[place].is_layer))
