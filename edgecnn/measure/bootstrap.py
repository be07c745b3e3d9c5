"""How sure a percentile of one run is: its samples drawn again in blocks, and what runs differ by.

A run is not as certain as its samples make it look. Neighbouring calls are alike, so they are drawn
in blocks (circular block bootstrap: Politis and Romano, "A Circular Block-Resampling Procedure for
Stationary Data", 1992). And a process as a whole is faster or slower than the next one of the same
file: memory lies elsewhere, the clock and the neighbours are not the same. That is between runs
and cannot be seen in one: it is assumed, and made larger where a run wanders in itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.99
"""So that ten comparisons of a file with itself are all without a difference, as a rule."""

BETWEEN_RUNS = 0.015
"""Assumed standard deviation of a process' latency, relative, while a machine is quiet."""

FEWEST_SAMPLES = 20
FEWEST_BEYOND = 5
"""Samples that a percentile must have beyond it: fewer are single events, not a distribution."""

SEGMENTS = 10
MOST_SAMPLES = 4096
REPLICATES = 1000
REPLICATES_AT_ONCE = 100
"""What stands in memory at a time, on a device of 512 MB too."""

DRAWS = 20_000

Floats = npt.NDArray[np.float64]


def has_enough(samples: Sequence[float], percent: float | None) -> bool:
    """Say whether a percentile of so many samples can be given an interval; None is the mean."""
    beyond = len(samples) * (100 - (percent or 50)) / 100
    return len(samples) >= FEWEST_SAMPLES and beyond >= FEWEST_BEYOND


@dataclass(frozen=True)
class Resampled:
    """One run's statistic, as a logarithm.

    Args:
        value: Of all samples.
        replicates: Of samples drawn again, shape (REPLICATES,).
        wandering: Variance between its tenths beyond what the samples themselves explain.
    """

    value: float
    replicates: Floats
    wandering: float

    @classmethod
    def of(
        cls, samples: Sequence[float], percent: float | None, random: np.random.Generator
    ) -> Resampled:
        """Draw a run's samples again.

        Args:
            samples: In the order they were taken; at least one, all above 0.
            percent: Which percentile; None is the mean.
            random: Where the draws come from.
        """
        every = np.asarray(samples, np.float64)
        # Fewer are rather too uncertain than too certain, and take bounded time.
        some = every[:: math.ceil(len(every) / MOST_SAMPLES)]
        medians = [np.log(np.median(part)) for part in np.array_split(some, SEGMENTS)]
        expected = SEGMENTS * float(np.var(_replicates(some, 50, random)))
        wandering = max(0.0, float(np.var(medians, ddof=1)) - expected)
        value = float(np.log(statistic(every[None], percent)[0]))
        return cls(value, _replicates(some, percent, random), wandering)

    def interval(self, random: np.random.Generator) -> tuple[float, float]:
        """Return where the statistic lies, as a plain value, in this run and others like it.

        Args:
            random: Where the draws come from.
        """
        spread = math.sqrt(BETWEEN_RUNS**2 + self.wandering)
        draws = random.choice(self.replicates, DRAWS) + random.normal(0, spread, DRAWS)
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.exp(np.percentile(draws, [tail, 100 - tail]))
        return float(low), float(high)


def percentile_interval(samples: Sequence[float], percent: float) -> tuple[float, float] | None:
    """Return the interval of a percentile, of :data:`CONFIDENCE`.

    Args:
        samples: Of one run, in the order they were taken, all above 0.
        percent: Which percentile.

    Returns:
        Lower and upper end in the samples' own unit; None where they are too few.

    Example:
        >>> percentile_interval([3.0] * 19, 50) is None
        True
    """
    if not has_enough(samples, percent) or min(samples) <= 0:
        return None
    random = np.random.default_rng(0)
    return Resampled.of(samples, percent, random).interval(random)


def statistic(rows: Floats, percent: float | None) -> Floats:
    """Return a percentile of each row of samples, shape (rows,); None is the mean."""
    values = rows.mean(axis=1) if percent is None else np.percentile(rows, percent, axis=1)
    return np.asarray(values, np.float64)


def _replicates(samples: Floats, percent: float | None, random: np.random.Generator) -> Floats:
    """Return logarithms of the statistic of REPLICATES rows, made of blocks of the samples."""
    length = math.ceil(math.sqrt(len(samples)))
    blocks = math.ceil(len(samples) / length)
    found = []
    for _ in range(REPLICATES // REPLICATES_AT_ONCE):
        starts = random.integers(0, len(samples), (REPLICATES_AT_ONCE, blocks))
        indices = (starts[:, :, None] + np.arange(length)) % len(samples)
        rows = samples[indices.reshape(REPLICATES_AT_ONCE, -1)[:, : len(samples)]]
        found.append(np.log(statistic(rows, percent)))
    return np.concatenate(found)
