"""A host that dies, a cable that is pulled, an upload cut in half, a disk that is full."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import DeviceError
from edgecnn.core.temporary import process_name
from edgecnn.devices import remote
from edgecnn.devices.inventory import Inventory
from edgecnn.devices.remote import RemoteDevice
from edgecnn.devices.ssh import process
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection
from edgecnn.runner.ondevice import program
from tests.children import wait_until

from .board import EmulatedPi
from .conftest import MakePi
from .wire import Wire

PYTHON = "/usr/bin/python3"
SILENCE_S = 2.0


def ours_on(pi: EmulatedPi) -> list[tuple[str, ...]]:
    return [one.command for one in pi.processes() if any(".edgecnn" in p for p in one.command)]


def kitchen() -> RemoteDevice:
    return RemoteDevice(SshConnection(SshAddress(EmulatedPi.name, python=PYTHON), "kitchen"))


@pytest.fixture
def impatient_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have devices wait for two seconds where they wait for forty."""
    assert SshConnection.silence_s >= 3 * process.ALIVE_EVERY_S
    monkeypatch.setattr(SshConnection, "silence_s", SILENCE_S)
    monkeypatch.setattr(process, "ALIVE_EVERY_S", 0.5)


def test_a_device_is_free_again_after_a_pulled_cable(
    quick_pi: EmulatedPi, impatient_device: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Wire(quick_pi.port) as wire:
        quick_pi.write_ssh_config(tmp_path, wire.port)
        monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(tmp_path / "ssh_config"))
        with kitchen() as device:
            device.start("running 'a.tflite'")
            time.sleep(2 * SILENCE_S)  # it lives on signs of life
            assert len(ours_on(quick_pi)) == 2
            wire.fall_silent()  # neither end is told
            quick_pi.write_ssh_config(tmp_path, quick_pi.port)
            with pytest.raises(DeviceError, match="in use by"), kitchen():
                pass
            wait_until(lambda: not ours_on(quick_pi), SILENCE_S + program.GRACE_S + 5)
            with kitchen():
                pass
            wire.cut_for_good()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_host_that_is_ended_while_it_sends_leaves_nothing_whole(
    number: signal.Signals,
    quick_pi: EmulatedPi,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    colour_model: Any,
) -> None:
    model = colour_model(tmp_path / "large.tflite")
    model.write_bytes(model.read_bytes() + os.urandom(60_000_000))
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(quick_pi.folder / "ssh_config"))
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))
    Inventory().add("kitchen", SshAddress(quick_pi.name, python=PYTHON))
    files = quick_pi.path("/home/pi/.edgecnn/files")

    def begun() -> bool:
        return any(part.stat().st_size > 1_000_000 for part in files.glob(".*.part"))

    command = [sys.executable, "-m", "edgecnn", "bench", str(model), "--device", "kitchen"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as host:
        wait_until(begun, 30)
        host.send_signal(number)
        _, said = host.communicate(timeout=30)
    if number == signal.SIGTERM:
        assert (host.returncode, said) == (143, b"edgecnn: ended by SIGTERM\n")
        assert not list(files.glob(".*.part"))
    name = hashlib.sha256(model.read_bytes()).hexdigest()
    assert not list(files.glob(f"{name}*"))
    wait_until(lambda: not ours_on(quick_pi), 30)
    with kitchen() as device:
        assert not list(files.glob(".*.part"))  # it begins again
        place = device.place(model)
        assert quick_pi.ssh(f"sha256sum {place}").stdout[:64] == name
        quick_pi.ssh(f"truncate --size -1 {place}")  # as after a power failure
    with kitchen() as device:
        assert device.place(model) == place
        assert quick_pi.ssh(f"sha256sum {place}").stdout[:64] == name
        quick_pi.ssh(f"rm {place}")


def test_an_upload_removes_what_earlier_ones_left(
    quick_pi: EmulatedPi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a process of this machine at once, of one of another machine after an hour."""
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(quick_pi.folder / "ssh_config"))
    space, pid, start = process_name().split("-")
    names = {
        "dead": f".a.{space}-{pid}-{int(start) - 1}-01234567.part",
        "living": f".a.{space}-{pid}-{start}-01234567.part",
        "elsewhere": f".a.{'0' * len(space)}-{pid}-{start}-01234567.part",
        "elsewhere, old": f".b.{'0' * len(space)}-{pid}-{start}-01234567.part",
        "another's": ".a.part",
    }
    quick_pi.ssh(
        "mkdir -p .edgecnn/several; touch "
        + " ".join(f".edgecnn/several/{name}" for name in names.values())
    )
    quick_pi.ssh(f"touch -d 1970-01-02 .edgecnn/several/{names['elsewhere, old']}")
    link = names["dead"].replace(".a.", ".link.")
    quick_pi.ssh(f"ln -s ../lock .edgecnn/several/{link}")
    with SshConnection(SshAddress(quick_pi.name), "kitchen") as connection:
        connection.upload(b"content", ".edgecnn/several/target", "a file")
    left = quick_pi.ssh("ls -A .edgecnn/several").stdout.split()
    stay = {names[name] for name in ("living", "elsewhere", "another's")}
    assert {*left} == {*stay, link, "target"}
    assert quick_pi.ssh("cat .edgecnn/several/target; rm -r .edgecnn/several").stdout == "content"


def test_a_disk_that_is_full_at_any_step_is_a_line(
    make_quick_pi: MakePi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remote, "RECONNECT_AFTER_S", (0.1,))
    pi, model = make_quick_pi(disk_mb=16, runtime=True), tmp_path / "a.tflite"
    model.write_bytes(os.urandom(2_000_000))
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(pi.folder / "ssh_config"))
    pi.fill_disk()
    with (
        pytest.raises(DeviceError, match=r"kitchen: its disk is full: .* make room there"),
        kitchen(),
    ):
        pass
    assert pi.ssh("find .edgecnn -type f").stdout == ""
    pi.path("/var/ballast").unlink()
    with kitchen() as device:
        pi.fill_disk(leave_bytes=1_000_000)
        with pytest.raises(DeviceError, match=r"kitchen: its disk is full: 2.0 MB are needed"):
            device.place(model)
        assert pi.ssh("ls -A .edgecnn/files").stdout == ""
        pi.path("/var/ballast").unlink()
        assert pi.ssh(f"sha256sum {device.place(model)}").stdout[:64]
