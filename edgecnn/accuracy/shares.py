"""How sure a share of images is, and the difference between two shares."""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95
"""Of the intervals that are shown; what decides something says its own."""

Bounds = tuple[float, float]


def wilson(share: float, count: int, confidence: float = CONFIDENCE) -> Bounds:
    """Return the score interval of a share.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927);
    unlike the textbook's +-1.96 standard errors it is right near 0 and 1, too.

    Args:
        share: 0 to 1.
        count: Of how many images, 1 or more.
        confidence: How often such an interval holds what is true.

    Returns:
        (low, high), 0 to 1.

    Example:
        >>> [round(end, 4) for end in wilson(81 / 263, 263)]
        [0.2553, 0.3662]
    """
    z = normal_quantile(confidence)
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    # At 0 and 1 an end is exact but for rounding.
    low = 0.0 if share <= 0 else (middle - half) / scale
    return low, 1.0 if share >= 1 else (middle + half) / scale


def difference(
    new: float, base: float, new_count: int, base_count: int, confidence: float = CONFIDENCE
) -> Bounds:
    """Return the interval of ``new - base`` for shares of different images.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions"
    (1998), method 10.

    Args:
        new: 0 to 1.
        base: 0 to 1.
        new_count: Of how many images.
        base_count: Of how many images.
        confidence: How often such an interval holds what is true.

    Example:
        >>> [round(end, 4) for end in difference(56 / 70, 48 / 80, 70, 80)]
        [0.0524, 0.3339]
    """
    return _difference(new, base, new_count, base_count, 0.0, confidence)


def paired_difference(
    both: int, only_new: int, only_base: int, neither: int, confidence: float = CONFIDENCE
) -> Bounds:
    """Return the interval of ``new - base`` for shares of the same images.

    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions
    based on paired data" (1998), method 10.

    Args:
        both: Images that both are right on.
        only_new: Images that the new one alone is right on.
        only_base: Images that the base alone is right on.
        neither: Images that both are wrong on.
        confidence: How often such an interval holds what is true.

    Example:
        >>> [round(end, 4) for end in paired_difference(59, 6, 16, 80)]
        [-0.1186, -0.0046]
    """
    count = both + only_new + only_base + neither
    new, base = both + only_new, both + only_base
    return _difference(
        new / count,
        base / count,
        count,
        count,
        _correlation(both, only_new, only_base, neither),
        confidence,
    )


def mcnemar(only_new: int, only_base: int) -> float:
    """Return the p-value of McNemar's exact test of whether both are as good.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages" (1947). Of the images that one alone is right on, each is as good as a coin's toss
    then: twice the smaller tail of a binomial distribution.

    Args:
        only_new: Images that the one alone is right on.
        only_base: Images that the other alone is right on.

    Returns:
        0 to 1; small where they differ by more than chance.

    Example:
        >>> round(mcnemar(1, 7), 4)
        0.0703
    """
    tosses, ways, term = only_new + only_base, 0, 1
    for heads in range(min(only_new, only_base) + 1):
        ways += term
        term = term * (tosses - heads) // (heads + 1)
    return min(1.0, 2 * ways / (1 << tosses))


def normal_quantile(confidence: float) -> float:
    """Return how many standard deviations to each side hold this share of a normal distribution.

    Example:
        >>> round(normal_quantile(0.95), 2)
        1.96
    """
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _correlation(both: int, only_new: int, only_base: int, neither: int) -> float:
    """Return Newcombe's continuity-corrected phi; 0 where a margin is empty."""
    margins = (both + only_new) * (only_base + neither) * (both + only_base) * (only_new + neither)
    if not margins:
        return 0.0
    excess = both * neither - only_new * only_base
    half = (both + only_new + only_base + neither) / 2
    corrected = max(excess - half, 0) if excess > 0 else excess
    return corrected / math.sqrt(margins)


def _difference(
    new: float, base: float, new_count: int, base_count: int, phi: float, confidence: float
) -> Bounds:
    low_new, high_new = wilson(new, new_count, confidence)
    low_base, high_base = wilson(base, base_count, confidence)
    return (
        new - base - _added(new - low_new, high_base - base, phi),
        new - base + _added(high_new - new, base - low_base, phi),
    )


def _added(one: float, other: float, phi: float) -> float:
    """Return the length of two deviations of correlation ``phi`` together."""
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
