"""Another transport is one file and one line, and all that a device can do works over it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.cli.main import run
from edgecnn.core.errors import DeviceError, InputError
from edgecnn.devices.device_lookup import get_device
from edgecnn.devices.inventory import Inventory
from edgecnn.devices.setup.readiness import check_device
from edgecnn.devices.setup.set_up import set_up
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.transports import (
    address_from,
    connect,
    parse_address,
    with_options,
)
from tests.devices.local_transport import LocalAddress

from .stub_wheels import write_runtime

pytestmark = pytest.mark.skipif(shutil.which("env") is None, reason="programs start by env -C")

QUICK: dict[str, Any] = {"runs": 3, "min_time_s": 0.0, "warmup": 0}


@pytest.fixture
def home(home: Path) -> Path:
    """The home of a device that is called ``bench``."""
    Inventory().add("bench", LocalAddress(str(home), sys.executable))
    return home


def test_a_model_is_measured_as_on_this_machine(
    home: Path, tmp_path: Path, colour_model: Any, colour_photos: Path
) -> None:
    model = colour_model(tmp_path / "colours.tflite")
    asked: dict[str, Any] = {"data": colour_photos, "preprocess": "tf", **QUICK}
    (here,) = edgecnn.bench(model, **asked)
    (there,) = edgecnn.bench(model, device="bench", **asked)
    assert there.device == "bench"
    assert (there.top1_percent, there.images) == (here.top1_percent, here.images)
    assert len(there.latency_samples_ms) >= 3
    sent = sorted(path.suffix for path in (home / ".edgecnn").glob("*/*"))
    assert sent == [".tflite", ".zip"]


def test_an_address_needs_no_name(home: Path, tmp_path: Path, colour_model: Any) -> None:
    """Its Python is the one that set-up makes; here it is this one."""
    python = home / ".edgecnn/venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    model = colour_model(tmp_path / "colours.tflite")
    (record,) = edgecnn.bench(model, device=f"local://{home}", **QUICK)
    assert record.device == f"local://{home}"


def test_one_run_at_a_time(home: Path) -> None:
    with (
        get_device("bench"),
        pytest.raises(DeviceError, match=rf"in use by .*@.* \(process {os.getpid()}, since "),
        get_device("bench"),
    ):
        pass
    with get_device("bench"):
        pass


def test_what_is_not_set_up_is_told_how(home: Path) -> None:
    Inventory().add("bench", LocalAddress(str(home)))
    with (
        pytest.raises(DeviceError, match="'edgecnn devices setup bench' does that"),
        get_device("bench"),
    ):
        pass
    shutil.rmtree(home)
    Inventory().add("bench", LocalAddress(str(home), "/usr/bin/python3"))
    with pytest.raises(DeviceError, match="bench: there is no folder"), get_device("bench"):
        pass


def test_it_is_set_up_and_checked(home: Path, tmp_path: Path) -> None:
    connection = connect(parse_address(f"local://{home}"), "bench")
    assert not check_device(connection).ready
    wheels = write_runtime(tmp_path / "wheels")
    assert set_up(connection, python=sys.executable, wheels=wheels).version == "2.3.0"
    assert check_device(connection).ready


def test_commands_know_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "add", "shelf", f"local://{home}", "--python", sys.executable]) == 0
    assert f"shelf is local://{home}" in capsys.readouterr().out
    assert Inventory().find("shelf") == LocalAddress(str(home), sys.executable)
    assert run(["devices", "list", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert listed["shelf"] == {
        "name": "shelf", "transport": "local", "folder": str(home), "python": sys.executable,
    }  # fmt: skip
    assert listed["pi"]["host"] == "raspberrypi.local"
    assert run(["devices", "add", "shelf", f"local://{home}", "--port", "22"]) == 2
    assert "--port is of no use with local://" in capsys.readouterr().err
    assert run(["devices", "check", "bench"]) == 0
    assert "bench is ready" in capsys.readouterr().out


def test_an_address_of_ssh_may_say_so() -> None:
    assert parse_address("ssh://pi@10.0.0.7:2222") == SshAddress("10.0.0.7", "pi", 2222)
    assert parse_address("10.0.0.7") == SshAddress("10.0.0.7")


@pytest.mark.parametrize("text", ["adb://0123", "://x", "local://x", "SSH://x"])
def test_an_unknown_transport_is_named(text: str) -> None:
    with pytest.raises(InputError, match="is no way to reach a device: there is ssh"):
        parse_address(text)


def test_options_add_to_an_address_and_do_not_change_it() -> None:
    address = parse_address("pi@10.0.0.7:2222")
    options = {"port": None, "identity": "key", "python": None}
    assert with_options(address, options) == SshAddress("10.0.0.7", "pi", 2222, identity="key")
    assert with_options(address, {"port": 2222}) == address
    with pytest.raises(InputError, match="two ports are given, 2222 and 22: choose one"):
        with_options(address, {"port": 22})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"transport": "adb"}, "the file: 'adb' is no way"),
        ({"transport": 7, "host": "a"}, "the file: '7' is no way"),
        ({"transport": "local", "host": "a"}, "the file: 'host' is not one of folder, python"),
        ({"transport": "local", "folder": "here"}, "the file: 'here' is no absolute path"),
        ({"transport": "local"}, "the file lacks 'folder'"),
    ],
)
def test_what_is_wrong_in_a_table_is_said(home: Path, values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as wrong:
        address_from(values, "the file")
    assert said in str(wrong.value)
