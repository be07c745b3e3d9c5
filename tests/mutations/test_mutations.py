"""Every reader of outside data, given damaged files: each is read, or refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from .oracle import ACCEPTED, FAULT
from .readers import READERS
from .workers import Worker

CASES = 300


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as running:
        yield running


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name: str, worker: Worker) -> None:
    reader = READERS[name]
    for content in reader.seeds():
        result = worker.read(name, reader.wrap(content))
        assert (result.kind, result.text) == (ACCEPTED, "")


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=CASES, derandomize=True, database=None)
@given(random=some.randoms(use_true_random=False))
def test_damaged_files_are_read_or_refused(name: str, worker: Worker, random: Random) -> None:
    result = worker.read(name, READERS[name].case(random))
    assert result.kind != FAULT, result.text
