"""Which image formats are read, and how a file's content tells its format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from PIL import features

from edgecnn.core.errors import MissingExtraError
from edgecnn.core.lazy import LazyModule

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp"}
    | {".ppm", ".pgm", ".tif", ".tiff"}
)
"""Suffixes of files that are taken for images without a look into them."""

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
"""Pillow's decoders that may run; a file's content chooses one. Others start programs (EPS)."""

HEAD_BYTES = 64
"""First bytes of a file, from which its format can be told."""

SIGNATURES = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF.{4}WEBP", re.S), "WEBP"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"P[1-6]\s+[#0-9]"), "PPM"),
    # After the signature: the file's size, two reserved numbers, the pixels' place, and the size
    # of the header that follows, which tells a picture from a text that starts with "BM".
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.S), "BMP"),
)
BRANDS = (
    (re.compile(rb"avi[fs]"), "AVIF"),
    (re.compile(rb"he(?:i[cxms]|v[cx])|mi[fa]1|msf1"), "HEIF"),
)
"""Brands of an ISO base media file; AVIF's come first, as such files may name HEIF's, too."""

# The module registers itself with Pillow when the first HEIC image is met.
pillow_heif = LazyModule("pillow_heif", extra="heic")


@dataclass(frozen=True)
class OptionalFormat:
    """An image format that is read only where a further package is installed.

    Args:
        name: Pillow's name of the format.
        suffixes: Suffixes of the files that have the format.
        remedy: Command that installs what reads the format.
    """

    name: str
    suffixes: frozenset[str]
    remedy: str

    @property
    def is_readable(self) -> bool:
        """Whether what reads the format is installed."""
        return _reads_avif() if self is AVIF else _reads_heif()


AVIF = OptionalFormat("AVIF", frozenset({".avif", ".avifs"}), "pip install 'Pillow>=11.3'")
HEIF = OptionalFormat(
    "HEIF", frozenset({".heic", ".heif", ".heics", ".hif"}), "pip install 'edgecnn[heic]'"
)
OPTIONAL_FORMATS = (AVIF, HEIF)


def content_format(head: bytes) -> str | None:
    """Return Pillow's name of the image format that a file's content has.

    Args:
        head: The first ``HEAD_BYTES`` of the file.

    Returns:
        One of ``FORMATS``, the name of an optional format, or None for anything else.

    Example:
        >>> content_format(Path("photo.jfif").read_bytes()[:HEAD_BYTES])
        'JPEG'
    """
    if head[4:8] == b"ftyp":
        # The main brand, a version, and the compatible brands, to the end of the box.
        brands = head[8 : int.from_bytes(head[:4], "big")]
        return next((name for pattern, name in BRANDS if pattern.search(brands)), None)
    return next((name for pattern, name in SIGNATURES if pattern.match(head)), None)


def optional_format(name: str | None) -> OptionalFormat | None:
    """Return the optional format of a name; None if the name is not that of one."""
    return next((each for each in OPTIONAL_FORMATS if each.name == name), None)


@cache
def _reads_avif() -> bool:
    # Pillow before 11.3 does not know the name, and warns of it.
    return AVIF.name.lower() in features.modules and bool(features.check_module("avif"))


@cache
def _reads_heif() -> bool:
    try:
        pillow_heif.register_heif_opener()
    except (MissingExtraError, ImportError):
        return False
    return True
