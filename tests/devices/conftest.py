"""The home of a device that is reached by a transport of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.devices.transports import TRANSPORTS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a device, whose name the test chooses: by a transport that is one file."""
    monkeypatch.setitem(TRANSPORTS, "local", "tests.devices.local_transport")
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))
    home = tmp_path / "home"
    home.mkdir()
    return home
