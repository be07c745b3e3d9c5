"""On which images a model was right: a bit for each image, as a record has them."""

from __future__ import annotations

import base64


def hit_bits(text: str, images: int) -> int | None:
    """Return the bits of a model's hits as one number, the first image's bit highest.

    Args:
        text: The bits, eight to a byte, the first one highest, in base 64.
        images: Number of the images.

    Returns:
        The number; None where the text is not the bits of so many images.

    Example:
        >>> bin(hit_bits("oA==", 3))
        '0b101'
    """
    try:
        packed = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    unused = 8 * len(packed) - images
    value = int.from_bytes(packed, "big")
    is_whole = 0 <= unused < 8 and not value & ((1 << unused) - 1)
    return value >> unused if is_whole else None
