"""A model, and what a real runner answers about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.messages import Frame
from tests.runner.played import recorded


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Path:
    path: Path = colour_model(tmp_path_factory.mktemp("model") / "colours.tflite")
    return path


@pytest.fixture(scope="package")
def answers(model: Path) -> list[Frame]:
    """What a real runner answers."""
    return recorded(model)
