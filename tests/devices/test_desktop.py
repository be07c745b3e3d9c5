"""The desktop as a device."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from edgecnn.devices import device_lookup
from edgecnn.devices.desktop import Desktop
from edgecnn.devices.device_lookup import get_device
from edgecnn.devices.inventory import Inventory
from edgecnn.devices.ssh.address import SshAddress


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


def test_a_raspberry_pi_is_measured_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    monkeypatch.setattr(device_lookup, "BOARD_MODEL", model)
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path))
    here = get_device("pi")
    assert (type(here), here.name) == (Desktop, "pi")
    Inventory().add("pi", SshAddress("10.0.0.7"))
    assert type(get_device("pi")) is not Desktop


@pytest.mark.parametrize("name", ["desktop", "pi", "pi@10.0.0.7:2222"])
def test_every_name_is_a_device_of_that_name(name: str) -> None:
    assert get_device(name).name == name


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names its boots")
def test_the_present_boot_is_known_by_its_name() -> None:
    with Desktop().start("asking how it is") as session:
        name = session.health().boot_id
    assert name == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
