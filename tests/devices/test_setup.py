"""Setting up and checking, with this machine as the device and its home elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgecnn.devices.connection import FinishedCommand
from edgecnn.devices.setup import wheels as fetching
from edgecnn.devices.setup.probe import NotReadyError
from edgecnn.devices.setup.readiness import check_device
from edgecnn.devices.setup.set_up import set_up
from edgecnn.devices.setup.wheels import OfflineError

from .stub_wheels import RUNTIME, write_runtime

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="devices run Linux")


class ThisMachine:
    """Runs commands here, as a connection does on a device."""

    name = "kitchen"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = os.environ["PATH"]
        self.damage: Callable[[Path], object] = lambda archive: None

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        task: str | None = None,
    ) -> FinishedCommand:
        environment = {"HOME": str(self.home), "PATH": self.path}
        done = subprocess.run(
            command, input=stdin, capture_output=True, env=environment, cwd=self.home
        )
        return FinishedCommand(done.returncode, done.stdout, done.stderr)

    def upload(self, content: bytes, remote: str, what: str, on_progress: Any = None) -> None:
        (self.home / remote).write_bytes(content)
        on_progress(1, 1)
        self.damage(self.home / remote)


@pytest.fixture
def device(tmp_path: Path) -> ThisMachine:
    (tmp_path / "home").mkdir()
    return ThisMachine(tmp_path / "home")


def installed(device: ThisMachine) -> list[str]:
    return sorted(path.name for path in (device.home / ".edgecnn").glob("*"))


def test_setup_then_all_is_there(device: ThisMachine, tmp_path: Path) -> None:
    wheels = write_runtime(tmp_path / "wheels")
    before = check_device(device)
    assert [(item.name, item.ok) for item in before.items][2:3] == [("runtime", False)]
    assert before.items[2].advice == "run: edgecnn devices setup kitchen"
    lines: list[str] = []
    venv = set_up(device, python=sys.executable, wheels=wheels, on_step=lines.append)
    assert (venv.runtime, venv.version, venv.numpy) == ("ai-edge-litert", "2.3.0", "2.4.6")
    assert lines[1] == f"ai-edge-litert 2.3.0, numpy 2.4.6 from {wheels}"
    assert lines[-1].startswith("ready: ai-edge-litert 2.3.0, numpy 2.4.6, Python 3.")
    assert installed(device) == ["lock", "venv"]
    after = check_device(device)
    assert after.ready
    assert json.loads(json.dumps(after.as_json()))["facts"]["venv"]["version"] == "2.3.0"
    stamp = (device.home / ".edgecnn/venv").stat().st_mtime_ns
    again: list[str] = []
    set_up(device, on_step=again.append)
    assert again[-1].startswith("already set up: ai-edge-litert 2.3.0")
    assert (device.home / ".edgecnn/venv").stat().st_mtime_ns == stamp
    write_runtime(tmp_path / "newer", version="2.9.0")
    newer = set_up(device, python=sys.executable, wheels=tmp_path / "newer", upgrade=True)
    assert newer.version == "2.9.0"
    assert installed(device) == ["lock", "venv"]


def test_an_interrupted_setup_is_told_and_repaired(device: ThisMachine, tmp_path: Path) -> None:
    half = device.home / ".edgecnn/venv.new/bin"
    half.mkdir(parents=True)
    assert check_device(device).items[2].text == "an earlier setup did not end"
    set_up(device, python=sys.executable, wheels=write_runtime(tmp_path / "wheels"))
    (device.home / ".edgecnn/venv/bin/python").unlink()
    assert check_device(device).items[2].text == "an earlier setup did not end"
    set_up(device, python=sys.executable, wheels=tmp_path / "wheels")
    assert check_device(device).ready
    assert installed(device) == ["lock", "venv"]


@pytest.mark.parametrize(
    ("interpreter", "message"),
    [
        ("import os\nos.kill(os.getpid(), 4)\n", r"the runtime crashes \(SIGILL\)"),
        ("import flatbuffers_of_old\n", "No module named 'flatbuffers_of_old'"),
        ("import sys\nsys.exit(3)\n", "ends with status 3"),
    ],
)
def test_a_runtime_that_does_not_work_is_not_left_there(
    interpreter: str, message: str, device: ThisMachine, tmp_path: Path
) -> None:
    set_up(device, python=sys.executable, wheels=write_runtime(tmp_path / "good"))
    bad = write_runtime(tmp_path / "bad", interpreter + RUNTIME)
    with pytest.raises(NotReadyError, match=f"kitchen: ai-edge-litert does not work.*{message}"):
        set_up(device, python=sys.executable, wheels=bad, upgrade=True)
    assert check_device(device).ready
    assert installed(device) == ["lock", "venv"]


def test_a_damaged_upload_is_said(device: ThisMachine, tmp_path: Path) -> None:
    device.damage = lambda archive: archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(NotReadyError, match=r"kitchen: what arrived .* is damaged .*try again"):
        set_up(device, python=sys.executable, wheels=write_runtime(tmp_path / "wheels"))
    assert installed(device) == ["lock"]


def test_a_device_in_use_is_left_alone(device: ThisMachine, tmp_path: Path) -> None:
    import fcntl

    (device.home / ".edgecnn").mkdir()
    with (device.home / ".edgecnn/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("token\nann@desk\n")
        lock.flush()
        with pytest.raises(NotReadyError, match=r"kitchen: .* in use by ann@desk: wait"):
            set_up(device, python=sys.executable, wheels=write_runtime(tmp_path / "wheels"))


@pytest.fixture
def own_index(device: ThisMachine, tmp_path: Path) -> Path:
    """A folder of wheels that only the device's pip knows."""
    wheels = write_runtime(tmp_path / "index")
    config = device.home / ".config/pip/pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    return wheels


def test_the_devices_own_pip(device: ThisMachine, own_index: Path) -> None:
    venv = set_up(device, python=sys.executable, source="device")
    assert (venv.version, venv.numpy) == ("2.3.0", "2.4.6")
    assert installed(device) == ["lock", "venv"]
    next(own_index.glob("numpy*")).unlink()
    with pytest.raises(NotReadyError, match=r"kitchen: there is no wheel of numpy for Python 3\."):
        set_up(device, python=sys.executable, source="device", upgrade=True)
    assert check_device(device).ready


def test_the_device_fetches_where_this_machine_is_offline(
    device: ThisMachine, own_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*arguments: object) -> None:
        raise OfflineError("no package index can be reached from here: connect")

    monkeypatch.setattr(fetching, "install_wheels", offline)
    with pytest.raises(OfflineError):
        set_up(device, python=sys.executable, source="host", upgrade=True)
    lines: list[str] = []
    assert set_up(device, python=sys.executable, on_step=lines.append).ready
    assert lines[1].endswith("the device tries by itself")
    for wheel in own_index.glob("ai_edge*"):
        wheel.unlink()
    with pytest.raises(NotReadyError, match=r"connect; or let the device .* No matching distrib"):
        set_up(device, python=sys.executable, upgrade=True)


def test_no_python(device: ThisMachine, tmp_path: Path) -> None:
    device.path = str(tmp_path)
    (tmp_path / "sh").symlink_to("/bin/sh")
    with pytest.raises(NotReadyError, match=r"kitchen: .*no Python.*sudo apt install python3$"):
        set_up(device)
    found = check_device(device)
    assert [(item.name, item.ok) for item in found.items] == [("python", False)]
    assert found.items[0].advice == "on the device, run: sudo apt install python3"


def test_a_python_of_ones_own_is_looked_at_only(device: ThisMachine, tmp_path: Path) -> None:
    own = tmp_path / "own"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", own], check=True)
    with pytest.raises(NotReadyError, match="own/bin/python: no runtime is installed; on the"):
        set_up(device, own_python=str(own / "bin/python"))
    found = check_device(device, own_python=str(own / "bin/python"))
    assert "pip install" in found.items[2].advice
    assert installed(device) == []
