"""Fixtures of the tests of importing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


@pytest.fixture()
def canary(tmp_path: Path) -> Path:
    """A file that is not there, and that hostile models write."""
    return tmp_path / "canary"
