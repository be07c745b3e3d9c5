"""On which images a model was right, in the few bytes that a record keeps of it.

Two models that classified the same images are compared image by image, which tells far smaller
differences than two shares do. So each record has a bit for each image, and a digest of the images
and their labels: any two records of equal digests can be paired, whenever and wherever they were
measured. Of the images themselves nothing is kept.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgecnn.data.datasets import Dataset
from edgecnn.records.hits import hit_bits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Draws = npt.NDArray[np.float64]

Cells = tuple[int, int, int, int]
"""Numbers of images that both, new alone, base alone and neither of two models are right on."""


def images_sha256(dataset: Dataset, indices: Iterable[int]) -> str | None:
    """Return the SHA-256 of some images and their labels; None where an image is gone.

    Args:
        dataset: Labelled data.
        indices: Numbers of the images, in the order in which they count.

    Example:
        >>> images_sha256(open_dataset("digits"), [0]) == images_sha256(open_dataset("digits"), [1])
        False
    """
    digest, labels, targets = hashlib.sha256(), dataset.labels, dataset.targets
    try:
        for index in indices:
            digest.update(dataset.digest(int(index)))
            if labels is not None:
                digest.update(b"%d;" % labels[index])
            if targets is not None:
                digest.update(targets.content(int(index)))
    except OSError:
        return None
    return digest.hexdigest()


def packed_hits(hits: npt.NDArray[np.bool_]) -> str:
    """Return a bit for each image as text: eight to a byte, the first one highest, in base 64.

    Args:
        hits: Whether the model was right, bool, shape (images,).

    Example:
        >>> packed_hits(np.array([True, False, True]))
        'oA=='
    """
    import numpy as np

    return base64.b64encode(np.packbits(hits).tobytes()).decode()


def packed_draws(drawn: npt.NDArray[np.float64]) -> str:
    """Return a figure of samples drawn anew as text: 32-bit floats, lowest byte first, in base 64.

    Args:
        drawn: The figure of each draw, shape (draws,).

    Example:
        >>> packed_draws(np.array([1.0]))
        'AACAPw=='
    """
    return base64.b64encode(drawn.astype("<f4").tobytes()).decode()


def paired_draws(new: str, base: str) -> tuple[Draws, Draws] | None:
    """Return a figure of two models on the same samples drawn anew, for each draw that has both.

    Args:
        new: Draws of the new model, as :func:`packed_draws` packs them.
        base: Draws of the base model on the same samples.

    Returns:
        Values of the new and of the base model, float64, shape (draws,); None where a text is no
        draws, or they are not as many.

    Example:
        >>> paired_draws("AACAPw==", "AAAAAA==")
        (array([1.]), array([0.]))
    """
    import numpy as np

    try:
        packed = [base64.b64decode(text, validate=True) for text in (new, base)]
    except ValueError:
        return None
    if len(packed[0]) != len(packed[1]) or len(packed[0]) % 4:
        return None
    one, other = (np.frombuffer(each, "<f4").astype(np.float64) for each in packed)
    known = np.isfinite(one) & np.isfinite(other)
    return (one[known], other[known]) if known.any() else None


def paired_cells(new: str, base: str, images: int) -> Cells | None:
    """Return how many images both, new alone, base alone and neither of two models are right on.

    Args:
        new: Bits of the new model, as :func:`packed_hits` packs them.
        base: Bits of the base model on the same images.
        images: Number of the images.

    Returns:
        The four numbers; None where a text is not the bits of so many images.

    Example:
        >>> paired_cells("oA==", "gA==", images=3)  # 101 and 100
        (1, 1, 0, 1)
    """
    bits = [hit_bits(text, images) for text in (new, base)]
    if bits[0] is None or bits[1] is None:
        return None
    both, either = bits[0] & bits[1], bits[0] | bits[1]
    only_new, only_base = (either ^ bits[1]).bit_count(), (either ^ bits[0]).bit_count()
    return both.bit_count(), only_new, only_base, images - either.bit_count()
