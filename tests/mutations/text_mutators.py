"""Damage to values of JSON, and to texts of lines and numbers."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from .byte_mutators import mutated_bytes
from .numbers import FLOATS, INTEGERS, TEXTS, wrong_value

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
ITEMS_SEEN = 4
"""Of a long list only the first items are damaged: the others are like them."""

Place = tuple[Any, Any]
"""A dictionary or a list, and a key or an index in it."""


def mutated_json(content: bytes, random: Random) -> bytes:
    """Return a text of JSON with wrong values in it, or damaged as text."""
    if not random.randrange(5):
        return mutated_bytes(content, random)
    return json.dumps(mutated_values(json.loads(content), random)).encode()


def mutated_values(values: Any, random: Random) -> Any:
    """Return values of JSON, of which one to three are wrong."""
    whole = [copy.deepcopy(values)]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = places_in(whole, 0)[1:]
        if not places:
            return wrong_value(random)
        _damage(*random.choice(places), places, random)
    return whole[0]


def places_in(container: Any, depth: int) -> list[Place]:
    """List the places of all values, those of the longest lists only at their start."""
    keys = list(container) if isinstance(container, dict) else range(len(container))[:ITEMS_SEEN]
    found: list[Place] = []
    for key in keys:
        found.append((container, key))
        if isinstance(container[key], dict | list) and depth < 20:
            found += places_in(container[key], depth + 1)
    return found


def _damage(container: Any, key: Any, places: list[Place], random: Random) -> None:
    kind, value = random.randrange(12), container[key]
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[random.choice(TEXTS)] = copy.deepcopy(value)
    elif kind == 1:
        container.insert(key, copy.deepcopy(value))
    elif kind == 2:
        other, its_key = random.choice(places)
        if its_key in (other if isinstance(other, dict) else range(len(other))):
            container[key] = copy.deepcopy(other[its_key])
    elif kind == 3:
        container[key] = random.choice(([value], {"x": value}, str(value)))
    elif kind <= 6 and isinstance(value, int | float) and not isinstance(value, bool):
        container[key] = random.choice(
            (-value, value + 1, value * 10**9, *INTEGERS, *FLOATS)
        )  # fmt: skip
    elif kind <= 7 and isinstance(value, str):
        container[key] = mutated_text(value, random)
    else:
        container[key] = wrong_value(random)


def mutated_text(text: str, random: Random) -> str:
    """Return a text with another number, line or character in it."""
    kind = random.randrange(6)
    numbers = list(NUMBER.finditer(text))
    if kind <= 1 and numbers:
        match = random.choice(numbers)
        other = random.choice((*map(str, INTEGERS), *map(str, FLOATS), *TEXTS))
        return text[: match.start()] + other + text[match.end() :]
    if kind == 2:
        lines = text.splitlines(keepends=True)
        random.shuffle(lines)
        return "".join(lines[: random.randint(0, len(lines))] * random.choice((1, 1, 2)))
    at = random.randint(0, len(text))
    end = at + random.choice((0, 0, 1, 5))
    return text[:at] + random.choice((*TEXTS, *"\n\t,:;=[]{}\"'#|.-")) + text[end:]


def mutated_lines(content: bytes, random: Random) -> bytes:
    """Return a text file with another number, line or character in it, or damaged as bytes."""
    if not random.randrange(4):
        return mutated_bytes(content, random)
    text = content.decode("latin-1" if b"\x89" in content else "utf-8")
    for _ in range(random.choice((1, 1, 2, 4))):
        text = mutated_text(text, random)
    return text.encode(errors="surrogatepass")


VALUE = re.compile(r"(?<== ).+")
TOML_VALUES = (
    *map(str, INTEGERS), "nan", "inf", "-inf", "true", "1979-05-27T07:32:00Z", "07:32:00", '""',
    '"\\u0000"', '"a\\nb"', '"\\uD800"', '"\\u202e"', "[]", "{}", "[1, [2, [3]]]", "{a.b.c = 1}",
    '"""\nlines\n"""', "[" * 200 + "]" * 200, ".", "9" * 5000, "1_000", "0xFFFFFFFFFFFFFFFFFF",
)  # fmt: skip


def mutated_toml(content: bytes, random: Random) -> bytes:
    """Return a text of TOML with wrong values in it, or damaged as text."""
    text = content.decode()
    values = list(VALUE.finditer(text))
    if not random.randrange(3) or not values:
        return mutated_lines(content, random)
    match = random.choice(values)
    changed = text[: match.start()] + random.choice(TOML_VALUES) + text[match.end() :]
    return changed.encode(errors="surrogatepass")


Mutator = Callable[[bytes, Random], bytes]
