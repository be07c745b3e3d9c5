"""Text of a file as a literal of each language: a name may hold anything."""

from __future__ import annotations

import json

ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def python_literal(text: str) -> str:
    """Return a string literal of Python, ASCII alone.

    Example:
        >>> python_literal('a"b')
        '"a\\\\"b"'
    """
    return json.dumps(_printable(text))


def script_literal(value: object) -> str:
    """Return a literal of JavaScript that may stand inside of a ``<script>`` element."""
    return json.dumps(value).replace("<", "\\u003c")


def kotlin_literal(text: str) -> str:
    """Return a string literal of Kotlin, in which a dollar sign is nothing special."""
    return json.dumps(_printable(text)).replace("$", "\\$")


def swift_literal(text: str) -> str:
    """Return a string literal of Swift, whose escapes for other characters are its own."""
    shown = (
        ESCAPES.get(letter) or (letter if letter.isprintable() else f"\\u{{{ord(letter):x}}}")
        for letter in _printable(text)
    )
    return f'"{"".join(shown)}"'


def comment_text(text: str) -> str:
    """Return text for a comment: one line, which ends no comment in any of the languages."""
    line = "".join(letter if letter.isprintable() else "?" for letter in _printable(text))
    return line.replace("--", "- -").replace("*/", "* /")


def _printable(text: str) -> str:
    """Replace surrogates, which stand for bytes that are no UTF-8, by question marks."""
    return text.encode("utf-8", "replace").decode()
