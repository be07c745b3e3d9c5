"""Modules that are imported at their first use, and what is said where they are missing."""

from __future__ import annotations

import sys

import pytest

from edgecnn.core.errors import MissingExtraError
from edgecnn.core.lazy import LazyModule


def test_nothing_is_imported_before_an_attribute_is_read() -> None:
    sys.modules.pop("colorsys", None)
    module = LazyModule("colorsys", extra="convert")
    assert "colorsys" not in sys.modules
    assert module.rgb_to_hsv(1, 1, 1) == (0, 0, 1)
    assert "colorsys" in sys.modules


@pytest.mark.parametrize(
    ("module", "name"), [("keras", "TensorFlow"), ("tensorflow", "TensorFlow"), ("h5py", "h5py")]
)
def test_what_is_missing_is_called_as_users_know_it(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"^{name} is needed .*edgecnn\[convert\]"):
        _ = LazyModule(module, extra="convert").anything
