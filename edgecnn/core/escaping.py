"""Texts from outside, made harmless for each form in which they are written.

Names of layers and files, labels, metadata, facts of a device, tags and other programs' errors may
hold anything. Whatever prints or writes such a text calls the function of its form; nothing before
it needs to care.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any

JOINERS = "\u200c\u200d"
"""Characters without width that Persian, Indian scripts and emoji put between two others."""

MARKUP = re.compile(r"([\\`*_{}\[\]#|~$@])")
"""Characters that mean something anywhere in a line of Markdown; HTML's are escaped besides."""

BLOCK_MARK = re.compile(r"^(?=-[-\s]*$|=)|^(\d*)(?=[-+.)](?:\s|$))")
"""The place before a mark that makes a line a list's item, a rule, or the line above it a head."""

LINKED = re.compile(
    r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=GH)(?=-\d)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=:)(?=[a-z+][\w+-]*:)",
    re.I,
)
"""Places within what GitHub makes a mention, an issue, a link or an emoji of, escaped or not:
https://docs.github.com/en/get-started/writing-on-github."""

FORMULA = re.compile(r"(^|;)(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""The place before what a spreadsheet runs, at the start of a cell, or after what some take for the
end of one: https://owasp.org/www-community/attacks/CSV_Injection."""


def printable(text: object) -> str:
    """Return a text as one line that nothing but its letters is seen of.

    Control characters, line ends, marks that turn the direction of writing, characters without
    width, and surrogates become escapes as Python has them. Letters, signs and emoji of all scripts
    stay as they are. What is returned comes out the same if it is given to the function again.

    Example:
        >>> printable("a\\x1b[2J\\nb"), printable("\u8c93 \u00e9t\u00e9")
        ('a\\\\x1b[2J\\\\nb', '\u8c93 \u00e9t\u00e9')
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(
        letter if _is_seen(line, place) else ascii(letter)[1:-1]
        for place, letter in enumerate(line)
    )


def in_markdown(text: object) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no link, no second line.

    Example:
        >>> in_markdown("a_b|<i>.tflite"), in_markdown("1. @user")
        ('a\\\\_b\\\\|&lt;i&gt;.tflite', '1\\\\. \\\\@<!-- -->user')
    """
    line = " ".join(printable(text).split())
    parts = (MARKUP.sub(r"\\\1", html.escape(part, quote=False)) for part in LINKED.split(line))
    return BLOCK_MARK.sub(r"\1\\", "<!-- -->".join(parts))


def in_html(text: object) -> str:
    """Return text for an element or a quoted attribute of HTML or XML.

    Example:
        >>> in_html('a"b<i>')
        'a&quot;b&lt;i&gt;'
    """
    return html.escape(printable(text))


def in_csv(value: Any) -> Any:
    """Return a cell of CSV that spreadsheets show and do not run; numbers stay numbers.

    Args:
        value: The cell. A text that looks like a formula gets an apostrophe before it.

    Example:
        >>> in_csv("=1+1"), in_csv(-1.5), in_csv("3.78 MiB")
        ("'=1+1", -1.5, '3.78 MiB')
    """
    return FORMULA.sub(r"\1'", printable(value)) if isinstance(value, str) else value


def _is_seen(line: str, place: int) -> bool:
    letter = line[place]
    if letter in JOINERS:
        around = line[place - 1 : place] + line[place + 1 : place + 2]
        return len(around) == 2 and around.isprintable() and not any(map(str.isascii, around))
    return letter.isprintable() or unicodedata.category(letter) == "Zs"
