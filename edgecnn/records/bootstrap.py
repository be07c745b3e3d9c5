"""The interval of a percentile of one run, from resampled blocks of the run's samples.

The samples of a run make its percentiles look more certain than they are. Neighbouring calls are
alike, so samples are resampled in blocks (circular block bootstrap: Politis and Romano, "A Circular
Block-Resampling Procedure for Stationary Data", 1992). And a process as a whole is faster or slower
than the next one of the same file: its memory lies elsewhere, and clock and other programs differ.
This spread between runs does not show in one run: it is assumed, and made larger for a run whose
level wanders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.records.interval import DECISION_CONFIDENCE

BETWEEN_RUNS = 0.015
"""Assumed relative standard deviation of the latency between processes on a quiet machine."""

FEWEST_SAMPLES = 20
FEWEST_BEYOND = 5
"""Samples that must lie beyond a percentile: fewer would be single events, no distribution."""

SEGMENTS = 10
MOST_SAMPLES = 4096
REPLICATES = 1000
REPLICATES_AT_ONCE = 100
"""Replicates in memory at a time; so many fit on a device of 512 MB, too."""

DRAWS = 20_000

Floats = npt.NDArray[np.float64]


def has_enough(samples: Sequence[float], percent: float | None) -> bool:
    """Return whether there are enough samples for the interval of a percentile.

    Args:
        samples: Times of calls.
        percent: The percentile; None for the mean.
    """
    beyond = len(samples) * (100 - (percent or 50)) / 100
    return len(samples) >= FEWEST_SAMPLES and beyond >= FEWEST_BEYOND


@dataclass(frozen=True)
class Resampled:
    """A statistic of one run and of its bootstrap replicates, as logarithms.

    Args:
        value: Statistic of all samples.
        replicates: Statistic of resampled samples, shape (REPLICATES,).
        wandering: Variance between the medians of the run's tenths, beyond what the spread of the
            samples explains.
    """

    value: float
    replicates: Floats
    wandering: float

    @classmethod
    def of(
        cls, samples: Sequence[float], percent: float | None, random: np.random.Generator
    ) -> Resampled:
        """Resample a run.

        Args:
            samples: Times of calls in the order they were taken; at least one, all above 0.
            percent: The percentile; None for the mean.
            random: Source of the random blocks.
        """
        every = np.asarray(samples, np.float64)
        # Fewer samples take bounded time, and their wider interval errs on the safe side.
        some = every[:: math.ceil(len(every) / MOST_SAMPLES)]
        medians = [np.log(np.median(part)) for part in np.array_split(some, SEGMENTS)]
        expected = SEGMENTS * float(np.var(_replicates(some, 50, random)))
        wandering = max(0.0, float(np.var(medians, ddof=1)) - expected)
        value = float(np.log(statistic(every[None], percent)[0]))
        return cls(value, _replicates(some, percent, random), wandering)

    def interval(self, random: np.random.Generator) -> tuple[float, float]:
        """Return the interval of the statistic over this run and others of the same file.

        Args:
            random: Source of the random draws.

        Returns:
            Lower and upper end in the samples' own unit.
        """
        spread = math.sqrt(BETWEEN_RUNS**2 + self.wandering)
        draws = random.choice(self.replicates, DRAWS) + random.normal(0, spread, DRAWS)
        tail = 50 * (1 - DECISION_CONFIDENCE)
        low, high = np.exp(np.percentile(draws, [tail, 100 - tail]))
        return float(low), float(high)


def percentile_interval(samples: Sequence[float], percent: float) -> tuple[float, float] | None:
    """Return the interval of a percentile with a confidence of :data:`DECISION_CONFIDENCE`.

    Args:
        samples: Times of one run's calls in the order they were taken.
        percent: Which percentile, 0 to 100.

    Returns:
        Lower and upper end in the samples' own unit; None where the samples are too few or not all
        above 0.

    Example:
        >>> percentile_interval([3.0] * 19, 50) is None
        True
    """
    if not has_enough(samples, percent) or min(samples) <= 0:
        return None
    random = np.random.default_rng(0)
    return Resampled.of(samples, percent, random).interval(random)


def statistic(rows: Floats, percent: float | None) -> Floats:
    """Return a percentile of each row of samples.

    Args:
        rows: Samples, shape (rows, samples).
        percent: The percentile; None for the mean.

    Returns:
        One value for each row, shape (rows,).
    """
    values = rows.mean(axis=1) if percent is None else np.percentile(rows, percent, axis=1)
    return np.asarray(values, np.float64)


def _replicates(samples: Floats, percent: float | None, random: np.random.Generator) -> Floats:
    """Return logarithms of the statistic of REPLICATES rows, each of random blocks of samples."""
    length = math.ceil(math.sqrt(len(samples)))
    blocks = math.ceil(len(samples) / length)
    values = []
    for _ in range(REPLICATES // REPLICATES_AT_ONCE):
        starts = random.integers(0, len(samples), (REPLICATES_AT_ONCE, blocks))
        indices = (starts[:, :, None] + np.arange(length)) % len(samples)
        rows = samples[indices.reshape(REPLICATES_AT_ONCE, -1)[:, : len(samples)]]
        values.append(np.log(statistic(rows, percent)))
    return np.concatenate(values)
