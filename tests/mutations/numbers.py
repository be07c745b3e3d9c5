"""Values that readers get wrong: the ends of integer types, what is no number, odd texts."""

from __future__ import annotations

from random import Random
from typing import Any

INTEGERS = (
    0, 1, -1, 2, 7, 127, 128, 255, 256, 32_767, 65_535, 65_536, 2**31 - 1, 2**31, -(2**31),
    2**32 - 1, 2**32, 2**63 - 1, 2**63, -(2**63), 2**64 - 1,
)  # fmt: skip
FLOATS = (float("nan"), float("inf"), float("-inf"), 0.5, -0.0, 1e308, -1e308, 5e-324, 1e-30)
TEXTS = (
    "", " ", "\0", "a\nb", "\x1b[31mred\x1b[0m", "\u202egpj.exe", "\ud800", "\ufeff", "=1+1",
    "<script>", "../../x", "/dev/null", "nan", "int8", "1e999", "-", "x" * 5000, "\u00e9" * 300,
    "9" * 400, "1x224x224x3", "n01440764", "Lambda", "a,b", "'\"`|\\",
)  # fmt: skip


def nested(depth: int) -> Any:
    """A list in a list in a list, and so on."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def wrong_value(random: Random) -> Any:
    """A value of JSON of any type; most are not what a reader expects."""
    kind = random.randrange(8)
    if kind == 0:
        return random.choice((None, True, False))
    if kind <= 2:
        return random.choice(INTEGERS)
    if kind == 3:
        return random.choice(FLOATS)
    if kind <= 5:
        return random.choice(TEXTS)
    if kind == 6:
        return random.choice((10**400, -(10**30), [], {}, [[]], [None], {"": {}}, {"a": [1]}))
    return random.choice((nested(100), nested(150), list(range(300)), {"x": nested(3)}))
