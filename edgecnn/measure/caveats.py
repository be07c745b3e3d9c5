"""Warnings about a measurement's times, data and accuracy; each threshold has its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgecnn.accuracy.kinds.result import AnyAccuracy, KindAccuracy
from edgecnn.accuracy.result import Accuracy
from edgecnn.accuracy.seen_images import SeenImages
from edgecnn.core.files import quoted
from edgecnn.core.text import counted, sample_noun
from edgecnn.data.datasets import Dataset, shadowed_name
from edgecnn.measure.percentile_intervals import OTHERS_CORES, PercentileInterval
from edgecnn.measure.sample_statistics import Drift, percentile
from edgecnn.records.bootstrap import FEWEST_SAMPLES
from edgecnn.records.record import CALIBRATION_IMAGES, MeasurementWarning
from edgecnn.runner.ondevice.sampling import NS_PER_MS
from edgecnn.runner.session import DeviceFacts
from edgecnn.runner.timing import Timing

NOISY_P99_TO_P50 = 2.0
"""Ratio of percentiles above which calls are noisy: the same kernels on the same input should take
the same time, so a call of twice the median was disturbed."""

NOISY_HALF_WIDTH = 0.05
"""Share of the median by which its interval may reach above it; differences between quiet runs make
up half of that."""

WAITED_SHARE = 0.02
"""Share of the calls' time in which another program had the CPU; on a quiet device only interrupts
take it."""

STEAL_SHARE = 0.02
"""Share of all cores' time that the host of a virtual machine keeps; one second on two cores is 200
of the kernel's ticks."""

DRIFT_SHARE = 0.03
"""Share of the latency by which it may drift: more than two quiet runs of one file differ by."""

CLOCK_SHARE = 0.01
"""Share of a call's time that reading the clock may take."""

NAMED_IMAGES = 5
"""Unreadable images that a message names; the others are counted."""

OTHER_IMAGES = "measure on images that the file was not made with"

CLOSE_OTHERS = "close other programs and measure again"


def timing_caveats(
    timing: Timing,
    interval: PercentileInterval | None,
    drift: Drift,
    threads: int,
    cores: int | None,
) -> Iterator[MeasurementWarning]:
    """Yield warnings about latencies.

    Args:
        timing: The timed calls.
        interval: Interval of the median latency; None where the calls are too few for an interval.
        drift: How the latency drifted.
        threads: Threads of the runtime.
        cores: Logical cores of the device.
    """
    if len(timing.samples_ms) < FEWEST_SAMPLES:
        yield MeasurementWarning(
            "few-runs",
            f"only {len(timing.samples_ms)} timed call(s)",
            f"use --runs {FEWEST_SAMPLES} or more",
        )
    yield from _disturbed(timing, threads, cores)
    if interval is not None and drift.is_trend and abs(drift.change) > DRIFT_SHARE:
        yield MeasurementWarning(
            "drift",
            f"the calls became {abs(drift.change):.0%} {'slower' if drift.change > 0 else 'faster'}"
            " while they were timed",
            "measure again with a longer --warmup, or --cooldown where the device gets hot",
        )
    ordered = sorted(timing.samples_ms)
    yield from _noisy(ordered, interval)
    median = percentile(ordered, 50)
    if timing.clock_cost_ns / NS_PER_MS > CLOCK_SHARE * median:
        yield MeasurementWarning(
            "coarse-clock",
            f"{timing.clock_cost_ns:.0f} ns of each call are the reading of the clock",
            "compare such short calls with each other only",
        )


def _disturbed(timing: Timing, threads: int, cores: int | None) -> Iterator[MeasurementWarning]:
    """Yield warnings about other programs that ran while the model did."""
    background = timing.background
    # Several threads wait for each other, too.
    if threads == 1 and (waited := timing.waited_share or 0.0) > WAITED_SHARE:
        taken = f", taken from it {background.involuntary} times" if background.involuntary else ""
        yield MeasurementWarning(
            "cpu-shared", f"{waited:.0%} of the calls' time went by without the CPU"
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


def _noisy(
    ordered: Sequence[float], interval: PercentileInterval | None
) -> Iterator[MeasurementWarning]:
    """Yield a warning where calls differ much, or where their median's interval is wide."""
    median, slow = percentile(ordered, 50), percentile(ordered, 99)
    # Not the lower end: programs that ran for a moment lower it, and have a warning of their own.
    wide = interval is not None and interval.high > (1 + NOISY_HALF_WIDTH) * median
    if median and slow > NOISY_P99_TO_P50 * median:
        message = f"the slowest calls took {slow / median:.1f} times the median"
    elif interval is not None and wide:
        message = f"the median may be anything from {interval.low:.3g} to {interval.high:.3g} ms"
    else:
        return
    yield MeasurementWarning(
        "noisy",
        message,
        "close other programs, let the device cool down, or use a longer --min-time",
    )


def thread_caveats(
    threads: int, facts: DeviceFacts, cpus: tuple[int, ...] | None = None
) -> Iterator[MeasurementWarning]:
    """Yield a warning where threads have to share cores.

    Args:
        threads: Threads of the runtime.
        facts: What the device is, asked while the model was kept on its CPUs.
        cpus: Numbers of the CPUs that the model was kept on; None where it could use all.
    """
    cores = facts.cores if cpus is None else len(cpus)
    usable = facts.confined_to(cpus)
    if usable is not None and threads > usable:
        fewer = f"use --threads {int(usable)}, or " if usable >= 1 else ""
        yield MeasurementWarning(
            "threads-exceed-cores",
            f"{counted(threads, 'thread')} on {counted(usable, 'usable CPU')} of {cores}",
            f"{fewer}measure without the taskset, cpuset or CPU quota that takes away the rest",
        )
    elif cores is not None and threads > cores:
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
    """Yield warnings about how data were read, and where a folder is named as built-in data."""
    for note in dataset.notes:
        yield MeasurementWarning("data-as-read", note.message, note.advice)
    if built_in := shadowed_name(dataset):
        yield MeasurementWarning(
            "folder-named-as-built-in",
            f"the data is the folder {quoted(dataset.name)} here, not the built-in data",
            f"for that use --data {built_in}",
        )


def accuracy_caveats(accuracy: AnyAccuracy) -> Iterator[MeasurementWarning]:
    """Yield warnings about the accuracy."""
    are_arrays = isinstance(accuracy, KindAccuracy) and accuracy.geometry is None
    noun = sample_noun(are_images=not are_arrays)
    if count := len(accuracy.unreadable):
        named = "; ".join(accuracy.unreadable[:NAMED_IMAGES])
        more = f"; and {count - NAMED_IMAGES} more" if count > NAMED_IMAGES else ""
        yield MeasurementWarning(
            "unreadable-images",
            f"{count} {noun}(s) skipped, as they cannot be read: {named}{more}",
            "repair or remove them",
        )
    if isinstance(accuracy, KindAccuracy):
        yield from _kind_caveats(accuracy)
    else:
        yield from _class_caveats(accuracy)
    if accuracy.not_finite:
        yield MeasurementWarning(
            "not-finite",
            f"NaN or infinite values for {accuracy.not_finite} {noun}(s)",
            "check the model's weights and its preprocessing",
        )


def _kind_caveats(accuracy: KindAccuracy) -> Iterator[MeasurementWarning]:
    """Yield warnings about how outputs and targets were read, and about known images."""
    for reading in accuracy.readings:
        yield MeasurementWarning("reading", reading, "if they are others, the figures are wrong")
    if accuracy.seen:
        message = _seen_text(accuracy.seen, accuracy.images, "the file")
        yield MeasurementWarning(CALIBRATION_IMAGES, message, OTHER_IMAGES)


def _class_caveats(accuracy: Accuracy) -> Iterator[MeasurementWarning]:
    """Yield warnings about known images, and about which output stands for which class."""
    yield from _seen_images(accuracy)
    if accuracy.classes.advice is not None:
        yield MeasurementWarning(
            "class-matching", accuracy.classes.evidence, accuracy.classes.advice
        )


def _seen_images(accuracy: Accuracy) -> Iterator[MeasurementWarning]:
    """Yield warnings where the file, or the one beside it, was made with some of the images."""
    advice = OTHER_IMAGES
    if seen := accuracy.seen:
        unseen = accuracy.unseen_answers
        without = "" if unseen is None else f": without them top-1 is {100 * unseen.share(1):.1f} %"
        message = f"{_seen_text(seen, accuracy.images, 'the file')}{without}"
        yield MeasurementWarning(CALIBRATION_IMAGES, message, advice)
    if accuracy.other is not None and (seen := accuracy.other.seen):
        message = _seen_text(seen, accuracy.images, quoted(accuracy.other.model))
        yield MeasurementWarning(f"{CALIBRATION_IMAGES}-of-other", message, advice)


def _seen_text(seen: SeenImages, images: int, file: str) -> str:
    uses = {
        f"{file} was calibrated on": len(seen.fitted),
        "that proved its steps": len(seen.held_out),
    }
    said = " or ".join(f"{use} ({count})" for use, count in uses.items() if count)
    some = f"all {images}" if len(seen) == images else f"{len(seen)} of {images}"
    return f"{some} images are among those that {said}"
