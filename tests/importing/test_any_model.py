"""Models of every kind become files that are no worse than the plain converter's.

``benchmarks/any_model.py`` has the other cases and schemes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .any_model import format_cases, keras_cases, layer_cases  # noqa: F401 (they register their cases)
from .any_model.cases import CASES
from .any_model.comparing import missing, rows_of


@pytest.mark.parametrize(
    "name", ["conv3d", "dilated", "embedding", "gru", "named_class", "two_outputs"]
)
def test_a_tenth_of_the_table(name: str, tf: Any, tmp_path: Path) -> None:
    if reason := missing(CASES[name].needs):
        pytest.skip(reason)
    rows = rows_of(name, tmp_path, ["dynamic", "int8"])
    assert [row.failure for row in rows if row.ours is None] == []
    assert [fault for row in rows for fault in row.faults] == []
