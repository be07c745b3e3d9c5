"""Text of a file as a literal of each language: a name may hold anything."""

from __future__ import annotations

import json
from collections.abc import Callable

from edgecnn.core.escaping import printable

ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
"""Escapes that Python, Kotlin and Swift have in common."""


def python_literal(text: str) -> str:
    """Return a string literal of Python, ASCII alone.

    Example:
        >>> python_literal('a"b')
        '"a\\\\"b"'
    """
    # Surrogates stay: Python opens a file by them whose name is no UTF-8.
    return _literal(text, lambda letter: ascii(letter)[1:-1], str.isascii)


def script_literal(value: object) -> str:
    """Return a literal of JavaScript that may stand inside of a ``<script>`` element."""
    return json.dumps(value).replace("<", "\\u003c")


def kotlin_literal(text: str) -> str:
    """Return a string literal of Kotlin, ASCII alone, in which a dollar sign is nothing special."""
    quoted = _literal(_as_unicode(text), _utf16, str.isascii)
    return quoted.replace("$", "\\$")


def c_literal(text: str) -> str:
    """Return a string literal of C, whose bytes are the text as UTF-8.

    Octal escapes end after three digits, whatever follows; a question mark may begin a trigraph.

    Example:
        >>> c_literal('a"é')
        '"a\\"\\303\\251"'
    """
    octal = _literal(_as_unicode(text), _octal, str.isascii)
    return octal.replace("?", "\\?")


def swift_literal(text: str) -> str:
    """Return a string literal of Swift, whose escapes for other characters are its own."""
    return _literal(_as_unicode(text), lambda letter: f"\\u{{{ord(letter):x}}}")


def comment_text(text: str) -> str:
    """Return text for a comment: one line, which ends and begins no comment in any language."""
    line = printable(text).replace("--", "- -")
    return line.replace("*/", "* /").replace("/*", "/ *")


def _literal(
    text: str, escape: Callable[[str], str], stays: Callable[[str], bool] = lambda letter: True
) -> str:
    shown = (
        ESCAPES.get(letter)
        or (letter if letter.isprintable() and stays(letter) else escape(letter))
        for letter in text
    )
    return f'"{"".join(shown)}"'


def _utf16(letter: str) -> str:
    content = letter.encode("utf-16-be")
    return "".join(f"\\u{content[at : at + 2].hex()}" for at in range(0, len(content), 2))


def _octal(letter: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in letter.encode())


def _as_unicode(text: str) -> str:
    """Replace surrogates, which stand for bytes that are no UTF-8, by question marks."""
    return text.encode("utf-8", "replace").decode()
