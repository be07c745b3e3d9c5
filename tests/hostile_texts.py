"""Texts that act on what shows them, one of each kind, and whether an output is free of that."""

from __future__ import annotations

import unicodedata

FORGED = "note: forged"
"""Beginning of a line that only a hostile text has."""

HOSTILE_TEXTS = {
    "escapes": "\x1b[31m\x1b]8;;https://evil.test\x1b\\\x1b]52;c;ZXZpbA==\x07\x9b2J\x08\rgone",
    "lines": f"two\n{FORGED}\r\n{FORGED}\x0b{FORGED}\x0c{FORGED}\x1c{FORGED}\x85{FORGED}\u2028!",
    "direction": "\u202egnp.exe\u202c\u2066x\u2069\u200b\u200e\ufeff\u2060\U000e0041",
    "no XML": "\x01\ufffe\uffff]]>&<a b='\"",
    "surrogates": "\udcff \ud83d!",
    "script": "</script><script>document.title='run'</script><!--",
    "image": "\"'><img src=x onerror=\"document.title='run'\">",
    "rich": "[red][link=https://evil.test]press[/link] :bomb: [/nothing]",
    "markdown": "`a` **b** | c | [d](http://evil.test) ![e](f) ~~g~~ $h$ <b> &amp; \\",
    "GitHub": "@user #1 GH-1 https://evil.test www.evil.test me@evil.test :bomb:",
    "list": "- [ ] item",
    "numbers": "1. item",
    "rule": "---",
    "formula": '=HYPERLINK("http://evil.test")',
    "hidden formula": ' "@SUM(1)',
    "tab formula": "\t+1",
    "wide formula": "\uff1d1+1",
}

READABLE = "猫 déjà vu کتاب‌ها קיץ 👨‍👩‍👧 ½ e\u0301"
"""Text of many scripts that acts on nothing, joiners without width among it."""


def unseen(text: str) -> set[str]:
    """The characters of a text that are not seen, line ends and the joiners of READABLE aside."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return {c for c in text.replace(READABLE, "") if unicodedata.category(c) in kinds} - {"\n"}
