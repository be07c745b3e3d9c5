"""Texts from files and users, escaped for Markdown."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape


def in_markdown(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no second line.

    Example:
        >>> in_markdown("a_b|<i>.tflite")
        'a\\\\_b\\\\|&lt;i&gt;.tflite'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*_{}\[\]#|~@])", r"\\\1", escape(line))
