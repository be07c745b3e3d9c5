"""Records to keep, and places to keep them in: SQLite, and PostgreSQL where it is installed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecnn.records.record import Record
from edgecnn.store.store import Store
from tests.at_hand import NotAtHand, not_here

from .postgresql import running_server
from .records import made_record

MakeRecord = Callable[..., Record]


@pytest.fixture(scope="session")
def make_record() -> MakeRecord:
    """Make a record without measuring: ``make_record(model="a.tflite", threads=2)``."""
    return made_record


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a running server; skips where it is not, fails with EDGECNN_REQUIRE_POSTGRESQL."""
    try:
        with running_server() as url:
            yield url
    except NotAtHand as error:
        not_here(str(error), "EDGECNN_REQUIRE_POSTGRESQL")


@pytest.fixture()
def postgresql_url(postgresql: str) -> str:
    """A new and empty database on it."""
    import psycopg

    name = f"results_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgresql}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be: a test that takes it runs on each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "results.sqlite")
    url: Any = request.getfixturevalue("postgresql_url")
    return str(url)


@pytest.fixture()
def store(where: str) -> Store:
    """An empty store."""
    return Store(where)
