"""Values as text, the same in tables, reports and messages."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import PurePath

SHOWN_TEXTS = 5

READ_PER_SHOWN_CHARACTER = 10
"""Characters of a text that are read for each one that is shown: the others may be blanks."""


def size_text(size: int) -> str:
    """Return a number of bytes as people read it.

    Example:
        >>> size_text(3963200)
        '3.78 MiB'
    """
    if size < 1 << 10:
        return f"{size} B"
    if size < 1 << 20:
        return f"{size / (1 << 10):.1f} KiB"
    return f"{size / (1 << 20):.2f} MiB" if size < 1 << 30 else f"{size / (1 << 30):.1f} GiB"


def shortened(text: str, limit: int) -> str:
    """Return a text of any length in one line, cut to some letters, with dots where more follow.

    Example:
        >>> shortened("two\\nlines", 20), shortened("two lines", 5)
        ('two lines', 'two l...')
    """
    most = READ_PER_SHOWN_CHARACTER * limit
    line = " ".join(text[:most].split())
    return line if len(line) <= limit and len(text) <= most else f"{line[:limit]}..."


def model_names(models: Iterable[str]) -> dict[str, str]:
    """Return the file name of each model, or its whole path where two files have the same name.

    Example:
        >>> model_names(["a/model.tflite", "b/model.tflite", "c/other.tflite"])["c/other.tflite"]
        'other.tflite'
    """
    paths = set(models)
    names = [PurePath(path).name for path in paths]
    return {
        path: PurePath(path).name if names.count(PurePath(path).name) == 1 else path
        for path in paths
    }


def counted(number: float, what: str) -> str:
    """Return a number of things, with the noun in the singular or the plural.

    Example:
        >>> counted(1, "file"), counted(1200, "image"), counted(1.5, "usable CPU")
        ('1 file', '1,200 images', '1.5 usable CPUs')
    """
    text = f"{int(number):,}" if number == int(number) else f"{number:g}"
    return f"{text} {what}{'' if number == 1 else 's'}"


def sample_noun(*, are_images: bool) -> str:
    """Return what a sample of data is called: an image where it is one.

    Example:
        >>> counted(100, sample_noun(are_images=False))
        '100 samples'
    """
    return "image" if are_images else "sample"


def first_few(texts: Iterable[str], separator: str = ", ") -> str:
    """Return the first five of some texts in a line, with dots where there are more.

    Example:
        >>> first_few("abcdef", " ")
        'a b c d e ...'
    """
    shown = list(islice(texts, SHOWN_TEXTS + 1))
    return separator.join([*shown[:SHOWN_TEXTS], *["..."] * (len(shown) > SHOWN_TEXTS)])


def three_digits(value: float) -> str:
    """Return a number of milliseconds, watts or the like with the digits that matter.

    Example:
        >>> three_digits(314.159), three_digits(3.14159), three_digits(0.0031)
        ('314', '3.14', '0.0031')
    """
    if value < 0.1:
        return f"{value:.2g}"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def one_decimal(value: float) -> str:
    """Return a percentage with one decimal place, without the sign.

    Example:
        >>> one_decimal(89.537)
        '89.5'
    """
    return f"{value:.1f}"


def minute_text(moment: str) -> str:
    """Return a moment of ISO 8601 to the minute.

    Example:
        >>> minute_text("2026-11-25T04:00:31+00:00")
        '2026-11-25 04:00'
    """
    return moment[:16].replace("T", " ")


def machine_text(architecture: str, bits: int | None) -> str:
    """Return an architecture, with a note where programs have 32 bits on a kernel of 64.

    Example:
        >>> machine_text("aarch64", 64), machine_text("aarch64", 32)
        ('aarch64', 'aarch64 with 32-bit programs')
    """
    is_mixed = bits == 32 and architecture in ("aarch64", "x86_64")
    return f"{architecture} with 32-bit programs" if is_mixed else architecture
