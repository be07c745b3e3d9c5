"""Labels: one name a line for each class, from a user's file or the built-in ImageNet names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input

LABEL_FILE = "labels.txt"
"""Name of the packed label file in files that edgecnn makes."""

BACKGROUND = "background"
"""Label of the first class of networks with 1,001 classes."""

IMAGENET_OUTPUTS = (1000, 1001)
"""Numbers of classes of a model for ImageNet: without a background class, or with one in front."""

MAX_LABEL_BYTES = 4 << 20
"""Most bytes of a label file: some 200,000 names."""

ENCODING_HINT = "save it as UTF-8, with one label a line"


def read_label_file(path: str | Path) -> tuple[str, ...]:
    """Read a file with one label a line; a byte-order mark and blank lines at its end are dropped.

    Args:
        path: A file of UTF-8 text, with line ends of Unix or of Windows.

    Raises:
        InputError: The file is missing, unreadable, empty, too large, not UTF-8, or has a blank
            line between labels.

    Example:
        >>> read_label_file("labels.txt")
        ('cat', 'dog')
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{quoted(path)} is a folder, where a file with labels is needed")
        with open_input(path, takes_pipe=True) as file:
            content = file.read(MAX_LABEL_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"no such file: {quoted(path)}") from None
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error
    if len(content) > MAX_LABEL_BYTES:
        raise InputError(f"{quoted(path)} is no file with labels: it has more than 4 MB")
    return parse_labels(content, quoted(path))


def parse_labels(content: bytes, name: str) -> tuple[str, ...]:
    """Read the content of a label file, which errors call ``name``."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{name} is not UTF-8 in line {line}: {ENCODING_HINT}") from None
    if "\0" in text:
        raise InputError(f"{name} is no text: {ENCODING_HINT}")
    lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return checked_labels(lines, name)


def checked_labels(labels: Sequence[str], name: str) -> tuple[str, ...]:
    """Return labels that can be packed, one a line.

    Raises:
        InputError: There are no labels, or a label is blank or more than a line.
    """
    if not labels:
        raise InputError(f"{name} has no labels: give one a line, in the order of the classes")
    for number, label in enumerate(labels, 1):
        if not label.strip():
            raise InputError(f"{name} has no label in line {number}: each class needs one")
        if len(label.splitlines()) > 1:
            raise InputError(f"{name}: label {number} is more than a line: {quoted(label)}")
    return tuple(labels)


def check_label_count(labels: Sequence[str], classes: int, name: str) -> None:
    """Raise InputError unless there are as many labels as classes."""
    if len(labels) == classes:
        return
    hint = ""
    if len(labels) == classes - 1:
        hint = f": is the first class {BACKGROUND!r}?"
    elif len(labels) == classes + 1:
        hint = ": is one of them a heading, or a class that the model does not have?"
    raise InputError(f"{name} has {len(labels)} labels, and the model {classes} classes{hint}")


def duplicate_warning(labels: Sequence[str], name: str) -> str | None:
    """Say that several classes have the same label, if so."""
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if not twice:
        return None
    return f"{name} gives {quoted(twice[0])} to more than one class ({len(twice)} such label(s))"


def imagenet_labels(classes: int) -> tuple[str, ...] | None:
    """Return the names of ImageNet's classes; None unless ``classes`` is 1,000 or 1,001.

    Source: ``edgecnn/data/IMAGENET.md``.

    Example:
        >>> imagenet_labels(1001)[:2]
        ('background', 'tench')
    """
    names = _imagenet_lines("imagenet_labels.txt")
    if classes == len(names) + 1:
        return (BACKGROUND, *names)
    return names if classes == len(names) else None


def imagenet_wnids() -> tuple[str, ...]:
    """Return the WordNet id of each of ImageNet's 1,000 classes, in the order of the classes.

    Source: ``edgecnn/data/IMAGENET.md``.

    Example:
        >>> imagenet_wnids()[0]
        'n01440764'
    """
    return _imagenet_lines("imagenet_wnids.txt")


@cache
def _imagenet_lines(name: str) -> tuple[str, ...]:
    text = resources.files("edgecnn.data").joinpath(name).read_text("utf-8")
    return tuple(text.splitlines())


def label_bytes(labels: Sequence[str]) -> bytes:
    """Return the content of a packed label file."""
    return "".join(f"{label}\n" for label in labels).encode()
