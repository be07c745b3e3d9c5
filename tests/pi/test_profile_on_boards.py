"""``edgecnn.profile`` on boards: parts are sent, timed there, and sent once only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.devices.ssh.connection import SshConnection
from edgecnn.runner import session

from .board import EmulatedPi


@pytest.fixture
def model(tmp_path: Path, colour_model: Any) -> Path:
    """An average of 4x4 pixels, and a dense layer of 3 x 3 weights."""
    path: Path = colour_model(tmp_path / "colours.tflite")
    return path


def test_parts_are_sent_once_and_timed_there(
    quick_pi: EmulatedPi,
    known: Callable[..., None],
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(kitchen=quick_pi)
    # Its files say Arm, so it is taken for an emulator; its programs are this processor's own.
    monkeypatch.setattr(session, "is_emulated", lambda *signs: False)
    found = edgecnn.profile(model, device="kitchen")
    assert found.device == "kitchen"
    assert [op.kind for op in found.ops] == ["AVERAGE_POOL_2D", "FULLY_CONNECTED"]
    assert [op.macs for op in found.ops] == [0, 9]
    assert all(op.time_ms is not None for op in found.ops)
    uploads: list[object] = []
    monkeypatch.setattr(SshConnection, "upload", lambda *given: uploads.append(given))
    assert edgecnn.profile(model, device="kitchen").macs == 9
    assert not uploads


def test_an_emulated_board_is_not_timed(
    quick_pi: EmulatedPi, known: Callable[..., None], model: Path
) -> None:
    known(kitchen=quick_pi)
    found = edgecnn.profile(model, device="kitchen")
    assert found.emulated
    assert [op.macs for op in found.ops] == [0, 9]
    assert found.limits is None
    assert found.latency_p50_ms is None
    for one in (*found.ops, *found.kinds):
        assert (one.time_ms, one.gmacs_per_s, one.bound) == (None, None, None)
    assert "emulated" in found.notes[0]
