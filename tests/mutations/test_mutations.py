"""Every reader of outside data, given damaged files: each is read, or refused in one line.

``benchmarks/fuzz.py`` has more of the same, and reads a file again that a failed test has kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
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


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # a damaged file is small as it is, and is kept
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random=some.randoms(use_true_random=False))
def test_damaged_files_are_read_or_refused(
    name: str, worker: Worker, tmp_path: Path, random: Random
) -> None:
    content = READERS[name].case(random)
    result = worker.read(name, content)
    if result.kind == FAULT:
        kept = tmp_path / name / "case"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(content)
        raise AssertionError(f"{result.text}\npython benchmarks/fuzz.py --replay '{kept}'")
