"""The desktop as a device."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from edgecnn.devices.base import DEVICES, get_device
from edgecnn.errors import InputError


def test_facts_are_this_machines() -> None:
    with get_device("desktop").start("asking for facts") as session:
        facts = session.facts()
    assert facts.cores == os.cpu_count()
    assert facts.architecture == platform.machine()
    assert facts.kernel == platform.release()
    assert facts.cpu
    assert facts.os
    assert facts.memory_bytes is None or facts.memory_bytes > 1 << 28


def test_a_model_is_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert get_device("desktop").place(Path("-a b.tflite")) == str(tmp_path / "-a b.tflite")


def test_an_unknown_device_is_answered_with_what_there_is() -> None:
    with pytest.raises(InputError, match="desktop"):
        get_device("toaster")


@pytest.mark.parametrize("name", DEVICES)
def test_every_name_is_a_device_of_that_name(name: str) -> None:
    assert get_device(name).name == name
