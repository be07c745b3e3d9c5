"""The median of paired differences and its interval, which a few outliers do not move.

The estimate is that of Hodges and Lehmann, and its interval comes from Wilcoxon's signed ranks
(Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 2014, 3.2 and 3.3).
"""

from __future__ import annotations

import math

import numpy as np

from edgecnn.records.bootstrap import Floats
from edgecnn.records.interval import DECISION_CONFIDENCE

MOST_PAIRS = 400
"""Pairs that are used at most: the memory for Walsh averages grows with their square."""


def signed_rank_interval(values: Floats) -> tuple[float, float, float] | None:
    """Return lower end, Hodges-Lehmann estimate and upper end of the median of values.

    Args:
        values: Values that lie symmetrically about their median, shape (n,).

    Returns:
        The three numbers; None where the values are too few for an interval with a confidence of
        :data:`DECISION_CONFIDENCE`: below 8.

    Example:
        >>> signed_rank_interval(np.arange(20.0))
        (5.5, 9.5, 13.5)
    """
    # Fewer values take bounded time, and their wider interval errs on the safe side.
    some = values[:: max(1, math.ceil(len(values) / MOST_PAIRS))]
    first, second = np.triu_indices(len(some))
    averages = np.sort((some[first] + some[second]) / 2)
    # Chances that the ranks 1, 2, ..., each of them drawn or not, add up to 0, 1, ...
    chances = np.ones(1)
    for rank in range(1, len(some) + 1):
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    outside = int(np.sum(np.cumsum(chances) <= (1 - DECISION_CONFIDENCE) / 2))
    if not outside:
        return None
    low, high = averages[outside - 1], averages[-outside]
    return float(low), float(np.median(averages)), float(high)
