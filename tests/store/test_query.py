"""A filter selects the same results in memory and in each kind of database."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from edgecnn.records.filter import Filter, parse_since
from edgecnn.store.store import Store

from .records import made_record

MODELS = (
    "net.tflite", "a/net.tflite", "a/b/Net.tflite", "A/net_int8.tflite", "mobilenet_v2",
    "x[1].tflite", "x1.tflite", "100%.tflite", "1000.tflite", "a_b.tflite", "aXb.tflite",
    "what?.tflite", "back\\slash.tflite", "ü.tflite", "two\nlines.tflite", "it's.tflite",
)  # fmt: skip
TIMES = ("2026-11-25T03:59:59+00:00", "2026-11-25T04:00:00+00:00", "2026-11-25T07:30+02:00")
PATTERNS = (
    *MODELS, "*", "*.tflite", "n*t.tflite", "N*", "a/*", "A/*", "*/net*", "*[1]*", "*%*", "a_*",
    "*?*", "*\\*", "*\n*", "*Ü*", "*'*", "", "/", "net", "absent*",
)  # fmt: skip
OTHERS: dict[str, tuple[Any, ...]] = {
    "device": ("desktop", "pi", "Pi"),
    "scheme": ("int8", "float32", "INT8"),
    "threads": (1, 2, 8),
    "model_sha256": ("ab" * 32, "cd" * 32),
    "tag": ("before", "Before", "ü x", "absent"),
    "since": tuple(parse_since(time) for time in (*TIMES, "2026-11-25T05:30+00:00")),
    "ids": ((1, 5, 999), (2,)),
}


@pytest.fixture()
def filled(store: Store) -> Store:
    """A store of odd names, each with other conditions, times and tags."""
    choices = itertools.cycle(
        itertools.product(("int8", "float32"), (1, 2), ("desktop", "pi"), TIMES)
    )
    for number, model in enumerate(MODELS):
        scheme, threads, device, time = next(choices)
        digest = ("ab" if number % 3 else "cd") * 32
        values = {"scheme": scheme, "threads": threads, "device": device, "measured_at": time}
        tags = [("before",), ("Before", "ü x"), ()][number % 3]
        store.add(made_record(model=model, model_sha256=digest, **values), tags)
    return store


def in_memory(store: Store, wanted: Filter) -> set[int]:
    every = list(store.records())
    return {kept.id for kept in every if wanted.matches(kept.record, kept.id, kept.tags)}


def test_memory_and_sql_select_the_same(filled: Store) -> None:
    every = [Filter(model=pattern) for pattern in PATTERNS]
    every += [Filter(**{name: value}) for name, values in OTHERS.items() for value in values]
    every += [
        Filter(model=pattern, threads=threads, tag=tag)
        for pattern in ("*.tflite", "a/*", "net.tflite")
        for threads in (1, 2)
        for tag in ("before", None)
    ]
    found = {wanted: in_memory(filled, wanted) for wanted in every}
    for wanted, numbers in found.items():
        assert {one.id for one in filled.listed(wanted)} == numbers, wanted
        assert filled.count(wanted) == len(numbers), wanted
    assert sum(map(bool, found.values())) > len(found) / 2


def test_upper_and_lower_case_are_different(filled: Store) -> None:
    assert [one.model for one in filled.listed(Filter(model="N*"))] == ["a/b/Net.tflite"]


def test_a_name_that_is_no_text_is_found(store: Store) -> None:
    odd = "\udcff.tflite"
    store.add(made_record(model=odd))
    assert [kept.record.model for kept in store.records(Filter(model=odd))] == [odd]
