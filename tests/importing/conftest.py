"""Fixtures of the tests of importing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .outside_models import pooled, saved


@pytest.fixture(scope="session")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


@pytest.fixture()
def canary(tmp_path: Path) -> Path:
    """A file that is not there, and that hostile models write."""
    return tmp_path / "canary"


@pytest.fixture(scope="session")
def plain(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A harmless SavedModel with a variable; tests work on copies."""
    scale = tf.Variable(tf.ones((3, 4)))
    folder = tmp_path_factory.mktemp("plain") / "model"
    return saved(tf, folder, lambda image: pooled(tf, image) @ scale, scale=scale)
