"""``edgecnn.results``: what is kept, without a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.store.store import Store


def test_kept_results_are_read_without_a_command(tmp_path: Path, make_record: Any) -> None:
    where = tmp_path / "results.sqlite"
    store = Store(where)
    for threads in (1, 2):
        store.add(make_record(threads=threads), ["before"] if threads == 1 else [])
    assert [kept.record.threads for kept in edgecnn.results(store=where)] == [2, 1]
    assert [kept.record.threads for kept in edgecnn.results(store=where, limit=1)] == [2]
    (tagged,) = edgecnn.results(store=where, tag="before", since="2000-01-01")
    assert tagged.record == make_record(threads=1)


def test_a_computer_without_results_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGECNN_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert edgecnn.results() == []
