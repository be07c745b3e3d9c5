"""Intervals of a share of images and of the difference between two shares."""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95
"""Confidence of the intervals of accuracy that are shown."""

Bounds = tuple[float, float]


def wilson(share: float, count: int, confidence: float = CONFIDENCE) -> Bounds:
    """Return the score interval of a share.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927);
    unlike the textbook's +-1.96 standard errors it is right near 0 and 1, too.

    Args:
        share: Share of the images, 0 to 1.
        count: Number of images, 1 or more.
        confidence: How often such an interval holds the true share, 0 to 1.

    Returns:
        Lower and upper end, 0 to 1.

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
        new: Share of the new images, 0 to 1.
        base: Share of the base images, 0 to 1.
        new_count: Number of new images.
        base_count: Number of base images.
        confidence: How often such an interval holds the true difference, 0 to 1.

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
        both: Number of images that both are right on.
        only_new: Number of images that the new model alone is right on.
        only_base: Number of images that the base model alone is right on.
        neither: Number of images that both are wrong on.
        confidence: How often such an interval holds the true difference, 0 to 1.

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
    """Return the p-value of McNemar's exact test of whether two models are equally good.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages" (1947). If the models are equally good, each image that one alone is right on is
    like the toss of a coin: the p-value is twice the smaller tail of a binomial distribution.

    Args:
        only_new: Number of images that one model alone is right on.
        only_base: Number of images that the other model alone is right on.

    Returns:
        The p-value, 0 to 1; small where the models differ by more than chance.

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
    """Return how many standard deviations to each side hold a share of a normal distribution.

    Example:
        >>> round(normal_quantile(0.95), 2)
        1.96
    """
    return NormalDist().inv_cdf((1 + confidence) / 2)


def student_quantile(confidence: float, free: int) -> float:
    """Return how many estimated deviations to each side hold a share of Student's distribution.

    It is the expansion by powers of 1/free (M. Abramowitz and I. A. Stegun, "Handbook of
    Mathematical Functions", 1964, 26.7.5), within 2 % from 4 degrees of freedom on.

    Args:
        confidence: The share, 0 to 1.
        free: Degrees of freedom, 1 or more.

    Example:
        >>> round(student_quantile(0.99, 30), 3)
        2.75
    """
    z = normal_quantile(confidence)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + terms[0] / free + terms[1] / free**2 + terms[2] / free**3


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
    """Return the length of the sum of two deviations with correlation ``phi``."""
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
