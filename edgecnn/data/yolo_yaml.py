"""What Ultralytics' ``data.yaml`` says of a data set, read without a YAML parser.

The file is flat: a root, a place or several for each part of the data, and names of classes as a
list or by number. That much of YAML is read, strictly. Other keys may hold anything, also several
lines of it, and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.npz_labels import MOST_CLASSES
from edgecnn.data.written_labels import text_lines

DATA_PARTS = ("train", "val", "test")

KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*|'[^']*'|\"[^\"]*\") *:(?: +(.*)|$)")
QUOTED = re.compile(r"'((?:[^']|'')*)'|\"([^\"\\]*)\"")
NO_VALUE = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True)
class YoloYaml:
    """What a ``data.yaml`` says.

    Args:
        root: The folder that places are relative to; None where it says none.
        parts: Each part of the data that is there -> folders of images, or lists of images.
        names: Name of each class.
    """

    root: str | None
    parts: dict[str, tuple[str, ...]]
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    """A key of the file: its line, what stands behind it, and the lines that belong to it."""

    line: int
    text: str
    below: tuple[tuple[int, str], ...]


def read_yaml(path: Path) -> YoloYaml:
    """Read a ``data.yaml``.

    Args:
        path: The file: ``path``, ``train``, ``val``, ``test``, ``names`` and ``nc`` are read.

    Raises:
        InputError: A key that is read is not written as such files have it, is missing, or is
            there twice; or ``nc`` is not the number of names.

    Example:
        >>> read_yaml(Path("coco8.yaml")).parts["val"]
        ('images/val',)
    """
    entries = _entries(path)
    parts = {}
    for part in DATA_PARTS:
        places = _values(path, entries[part]) if part in entries else []
        if places:
            parts[part] = tuple(places)
    if not parts:
        raise InputError(f"{quoted(path)} names no images: it has none of {', '.join(DATA_PARTS)}")
    if "names" not in entries:
        raise InputError(f"{quoted(path)} has no names of classes")
    names = _names(path, entries["names"])
    count = _values(path, entries["nc"]) if "nc" in entries else []
    if count and count != [str(len(names))]:
        raise InputError(f"{quoted(path)} says nc: {count[0]}, and has {len(names)} names")
    roots = _values(path, entries["path"]) if "path" in entries else []
    if len(roots) > 1:
        raise _not_understood(path, entries["path"].line, "several paths")
    return YoloYaml(roots[0] if roots else None, parts, names)


def _entries(path: Path) -> dict[str, _Entry]:
    """Return the keys of the file, of which each begins a line."""
    found: list[tuple[str, int, str, list[tuple[int, str]]]] = []
    for number, line in enumerate(text_lines(path), 1):
        text = _uncommented(line)
        if not text.strip() or text.strip() in ("---", "..."):
            continue
        match = KEY.fullmatch(text)
        if match is not None:
            found.append((match[1].strip("'\""), number, match[2] or "", []))
        elif found and (text[0] in " ]}" or text.startswith("- ") or text == "-"):
            found[-1][3].append((number, text))
        else:
            raise _not_understood(path, number, text)
    keys = [key for key, *_ in found]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise InputError(f"{quoted(path)} has {quoted(twice)} twice")
    return {key: _Entry(number, text.strip(), tuple(below)) for key, number, text, below in found}


def _uncommented(line: str) -> str:
    """Return a line without its comment: a ``#`` within quotes, or behind a letter, begins none."""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and (place == 0 or line[place - 1] in " [{,:"):
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] in " \t"):
            return line[:place].rstrip()
    return line.rstrip()


def _values(path: Path, entry: _Entry) -> list[str]:
    """Return the value of a key, or the values of a list; nothing for an empty one."""
    text = " ".join([entry.text, *(below.strip() for _, below in entry.below)]).strip()
    if text.startswith("["):
        return [_scalar(path, entry.line, each) for each in _flow(path, entry, "[]")]
    if entry.text in NO_VALUE and entry.below:
        return [_item(path, number, below) for number, below in entry.below]
    if text in NO_VALUE:
        return []
    if entry.below:
        raise _not_understood(path, *entry.below[0])
    return [_scalar(path, entry.line, entry.text)]


def _names(path: Path, entry: _Entry) -> tuple[str, ...]:
    """Return names from a list, or from a mapping of numbers from 0 on."""
    is_mapping = bool(entry.below) and not entry.text and not _is_item(entry.below[0][1])
    if entry.text.startswith("{"):
        pairs = [(entry.line, each) for each in _flow(path, entry, "{}")]
    elif is_mapping and not entry.below[0][1].strip().startswith("["):
        pairs = list(entry.below)
    else:
        names = _values(path, entry)
        return _checked(path, entry, names)
    numbered: dict[int, str] = {}
    for line, text in pairs:
        number, colon, name = text.strip().partition(":")
        if not number.isascii() or not number.isdigit() or not colon or int(number) in numbered:
            raise _not_understood(path, line, text)
        numbered[int(number)] = _scalar(path, line, name.strip())
    if sorted(numbered) != list(range(len(numbered))):
        raise InputError(f"{quoted(path)}: the numbers of its names are not 0, 1, 2 and so on")
    return _checked(path, entry, [numbered[number] for number in sorted(numbered)])


def _checked(path: Path, entry: _Entry, names: Sequence[str]) -> tuple[str, ...]:
    if not 1 <= len(names) <= MOST_CLASSES:
        raise InputError(f"{quoted(path)}, line {entry.line}: it has {len(names)} names of classes")
    return tuple(names)


def _is_item(text: str) -> bool:
    return text.lstrip().startswith("- ")


def _item(path: Path, line: int, text: str) -> str:
    if not _is_item(text):
        raise _not_understood(path, line, text)
    return _scalar(path, line, text.lstrip()[2:].strip())


def _flow(path: Path, entry: _Entry, ends: str) -> list[str]:
    """Return what stands between the commas of ``[a, b]`` or ``{0: a, 1: b}``."""
    text = " ".join([entry.text, *(below.strip() for _, below in entry.below)]).strip()
    if not text.endswith(ends[1]) or len(text) < 2:
        raise _not_understood(path, entry.line, text)
    parts, quote, begin = [], "", 1
    for place in range(1, len(text) - 1):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and text[begin:place].strip()[-1:] in ("", ":"):
            quote = letter
        elif letter in "[]{}":
            raise _not_understood(path, entry.line, text)
        elif letter == ",":
            parts.append(text[begin:place].strip())
            begin = place + 1
    last = text[begin:-1].strip()
    if quote:
        raise _not_understood(path, entry.line, text)
    return [*parts, last] if last or not parts else parts


def _scalar(path: Path, line: int, text: str) -> str:
    """Return a text, in quotes or plain; any other form of YAML is refused."""
    match = QUOTED.fullmatch(text)
    if match is not None:
        return match[1].replace("''", "'") if match[1] is not None else match[2]
    is_plain = bool(text) and text[0] not in "[]{},&*!|>@`%#'\"?" and ": " not in text
    if not is_plain or text.endswith(":") or text.startswith("- "):
        raise _not_understood(path, line, text)
    return text


def _not_understood(path: Path, line: int, text: str) -> InputError:
    return InputError(
        f"{quoted(path)}, line {line}: {text.strip()[:80]!r} is not understood: write names as "
        "- NAME or 0: NAME a line, and train, val and test as folders or lists of them"
    )
