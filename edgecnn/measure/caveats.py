"""What a user should know before trusting a measurement; each threshold has its reason."""

from __future__ import annotations

from collections.abc import Iterator

from edgecnn.accuracy.result import Accuracy
from edgecnn.core.files import quoted
from edgecnn.data.datasets import Dataset, shadowed_name
from edgecnn.measure.levels import OTHERS_CORES, Level
from edgecnn.measure.stats import Drift, percentile
from edgecnn.measure.timing import NS_PER_MS, Timing
from edgecnn.results.bootstrap import FEWEST_SAMPLES
from edgecnn.results.record import MeasurementWarning
from edgecnn.runner.session import DeviceFacts

NOISY_P99_TO_P50 = 2.0
"""One kernel sequence on one input takes the same time; twice the median is something else."""

NOISY_HALF_WIDTH = 0.05
"""Of the median, upwards: what differs between quiet runs makes up half of it."""

WAITED_SHARE = 0.02
"""Of the calls' time that another program had the CPU; a quiet device has interrupts alone."""

STEAL_SHARE = 0.02
"""Of all cores' time; a second on two cores is 200 of the kernel's ticks."""

DRIFT = 0.03
"""Of the level: more than two quiet runs of one file differ by."""

CLOCK_SHARE = 0.01
"""Of a call that the reading of the clock may take."""

NAMED_IMAGES = 5
"""Unreadable images that a message names; it counts the others."""


def timing_caveats(
    timing: Timing, level: Level | None, drift: Drift, threads: int, cores: int | None
) -> Iterator[MeasurementWarning]:
    """Yield what is doubtful about latencies (milliseconds).

    Args:
        timing: The timed calls.
        level: Interval of their median, None where they are too few for one.
        drift: How their level moved.
        threads: Of the runtime.
        cores: Of the device.
    """
    if len(timing.samples_ms) < FEWEST_SAMPLES:
        yield MeasurementWarning(
            "few-runs",
            f"only {len(timing.samples_ms)} timed call(s)",
            f"use --runs {FEWEST_SAMPLES} or more",
        )
    yield from _shared(timing, threads, cores)
    if level is not None and drift.is_trend and abs(drift.change) > DRIFT:
        yield MeasurementWarning(
            "drift",
            f"the calls became {abs(drift.change):.0%} {'slower' if drift.change > 0 else 'faster'}"
            " while they were timed",
            "measure again with a longer --warmup, or --cooldown where the device gets hot",
        )
    yield from _noisy(timing, level)
    median = percentile(sorted(timing.samples_ms), 50)
    if timing.clock_cost_ns / NS_PER_MS > CLOCK_SHARE * median:
        yield MeasurementWarning(
            "coarse-clock",
            f"{timing.clock_cost_ns:.0f} ns of each call are the reading of the clock",
            "compare such short calls with each other only",
        )


def _shared(timing: Timing, threads: int, cores: int | None) -> Iterator[MeasurementWarning]:
    """Yield what else ran while the model did."""
    background = timing.background
    # Several threads wait for each other, too.
    if threads == 1 and timing.waited_share > WAITED_SHARE:
        taken = f", taken from it {background.involuntary} times" if background.involuntary else ""
        yield MeasurementWarning(
            "cpu-shared", f"{timing.waited_share:.0%} of the calls' time went by without the CPU"
            f"{taken}", CLOSE_OTHERS
        )  # fmt: skip
    if (others := background.others_cores(cores) or 0.0) > OTHERS_CORES:
        yield MeasurementWarning(
            "busy-meanwhile",
            f"other programs kept {others:.1f} of {cores} core(s) busy during the timed calls",
            CLOSE_OTHERS,
        )
    if (steal := background.steal_share or 0.0) > STEAL_SHARE:
        yield MeasurementWarning(
            "steal",
            f"the host of this virtual machine took {steal:.0%} of its time",
            "measure on a machine of its own, or at another time",
        )


CLOSE_OTHERS = "close other programs and measure again"


def _noisy(timing: Timing, level: Level | None) -> Iterator[MeasurementWarning]:
    ordered = sorted(timing.samples_ms)
    median, slow = percentile(ordered, 50), percentile(ordered, 99)
    # Not the lower end: others that ran for a moment lower it, and are judged by themselves.
    wide = level is not None and level.high > (1 + NOISY_HALF_WIDTH) * median
    if median and slow > NOISY_P99_TO_P50 * median:
        message = f"the slowest calls took {slow / median:.1f} times the median"
    elif level is not None and wide:
        message = f"the median may be anything from {level.low:.3g} to {level.high:.3g} ms"
    else:
        return
    yield MeasurementWarning(
        "noisy",
        message,
        "close other programs, let the device cool down, or use a longer --min-time",
    )


def thread_caveats(
    threads: int, facts: DeviceFacts, cpus: tuple[int, ...] | None
) -> Iterator[MeasurementWarning]:
    """Yield a warning where threads have to share cores.

    Args:
        threads: Of the runtime.
        facts: What the device is.
        cpus: Those that the model was kept on.
    """
    cores = facts.cores if cpus is None else len(cpus)
    if cores is not None and threads > cores:
        yield MeasurementWarning(
            "threads-exceed-cores",
            f"{threads} threads share {cores} core(s)",
            f"use --threads {cores} or fewer",
        )


def weights_caveats(weights: object) -> Iterator[MeasurementWarning]:
    """Yield a warning for a file whose metadata says that its weights are random."""
    if weights == "random":
        yield MeasurementWarning(
            "random-weights",
            "the weights are random: only size and speed mean something",
            "train the model, or convert it with --weights",
        )


def data_caveats(dataset: Dataset) -> Iterator[MeasurementWarning]:
    """Yield a warning where a folder has the name of built-in data."""
    if built_in := shadowed_name(dataset):
        yield MeasurementWarning(
            "folder-named-as-built-in",
            f"the data is the folder {quoted(dataset.name)} here, not the built-in data",
            f"for that use --data {built_in}",
        )


def accuracy_caveats(accuracy: Accuracy) -> Iterator[MeasurementWarning]:
    """Yield what a user should know about top-1 and top-5."""
    if count := len(accuracy.unreadable):
        named = "; ".join(accuracy.unreadable[:NAMED_IMAGES])
        more = f"; and {count - NAMED_IMAGES} more" if count > NAMED_IMAGES else ""
        yield MeasurementWarning(
            "unreadable-images",
            f"{count} image(s) skipped, as they cannot be read: {named}{more}",
            "repair or remove them",
        )
    if accuracy.label_offset:
        yield MeasurementWarning(
            "label-offset",
            f"class 0 is output {accuracy.label_offset} of the model (a background class first)",
            "if that is wrong, say --label-offset 0",
        )
    if accuracy.not_finite:
        yield MeasurementWarning(
            "not-finite",
            f"NaN or infinite scores for {accuracy.not_finite} image(s)",
            "check the model's weights and its preprocessing",
        )
