"""What a user should know before trusting a measurement; each threshold has its reason."""

from __future__ import annotations

from collections.abc import Iterator

from edgecnn.accuracy.result import Accuracy
from edgecnn.data.datasets import Dataset, shadowed_name
from edgecnn.files import quoted
from edgecnn.measure.session import DeviceFacts
from edgecnn.measure.stats import Summary
from edgecnn.records import MeasurementWarning

FEW_RUNS = 20
"""Below it the 90th percentile hangs on the two slowest calls alone."""

NOISY_P99_TO_P50 = 2.0
"""One kernel sequence on one input takes the same time; twice the median is something else."""

NAMED_IMAGES = 5
"""Unreadable images that a message names; it counts the others."""


def timing_caveats(summary: Summary, runs: int) -> Iterator[MeasurementWarning]:
    """Yield what is doubtful about latencies (milliseconds)."""
    if runs < FEW_RUNS:
        yield MeasurementWarning(
            "few-runs", f"only {runs} timed call(s)", f"use --runs {FEW_RUNS} or more"
        )
    if summary.p99 > NOISY_P99_TO_P50 * summary.p50:
        yield MeasurementWarning(
            "noisy",
            f"the slowest calls took {summary.p99 / summary.p50:.1f} times the median",
            "close other programs, let the device cool down, or use a longer --min-time",
        )


def thread_caveats(threads: int, facts: DeviceFacts) -> Iterator[MeasurementWarning]:
    """Yield a warning where threads have to share cores."""
    if facts.cores is not None and threads > facts.cores:
        yield MeasurementWarning(
            "threads-exceed-cores",
            f"{threads} threads share {facts.cores} core(s)",
            f"use --threads {facts.cores} or fewer",
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
