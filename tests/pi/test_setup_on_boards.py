"""``devices setup`` and ``devices check`` on emulated boards, over SSH."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgecnn.core.errors import DeviceError
from edgecnn.devices.setup.probe import NotReadyError
from edgecnn.devices.setup.readiness import check
from edgecnn.devices.setup.set_up import set_up
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection

from .board import EmulatedPi
from .conftest import MakePi

RunEdgecnn = Callable[..., "subprocess.CompletedProcess[str]"]

Connect = Callable[[EmulatedPi], SshConnection]
PACKAGES = "/usr/lib/python3/dist-packages"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connect to a board as its user would."""
    with contextlib.ExitStack() as connections:

        def connect(pi: EmulatedPi) -> SshConnection:
            monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(pi.folder / "ssh_config"))
            return connections.enter_context(SshConnection(SshAddress(pi.name), "kitchen"))

        yield connect


def left_behind(pi: EmulatedPi) -> list[str]:
    """Return what setting up left on a board."""
    return sorted(path.name for path in pi.path("/home/pi/.edgecnn").glob("*"))


@pytest.mark.parametrize(
    ("bits", "wheels", "contents"),
    [
        (64, "wheels64", "ai-edge-litert 2.3.0, numpy 2.4.6, Python 3.11.2"),
        (32, "wheels32", "tflite-runtime 2.14.0, numpy 1.24.2, Python 3.11.2"),
    ],
)
def test_a_new_board_is_made_ready_once(
    bits: int,
    wheels: str,
    contents: str,
    make_pi: MakePi,
    request: pytest.FixtureRequest,
    run_edgecnn: RunEdgecnn,
) -> None:
    pi = make_pi(bits, kernel_bits=64)  # of both kinds Python says aarch64

    def devices(verb: str, *options: object) -> subprocess.CompletedProcess[str]:
        config = {"EDGECNN_SSH_CONFIG": str(pi.folder / "ssh_config")}
        return run_edgecnn("devices", verb, pi.name, *options, env=config)

    before = devices("check")
    assert before.returncode == 1, before.stderr
    advice = [f"{'':17}run: edgecnn devices setup {pi.name}"]
    assert [line for line in before.stdout.splitlines() if not line.startswith("ok")] == [
        *("not ok  runtime  not set up", *advice, f"{pi.name} is not ready")
    ]
    done = devices("setup", "--wheels", request.getfixturevalue(wheels))
    assert done.stdout.splitlines()[-1:] == [f"ready: {contents} in ~/.edgecnn/venv"], done.stderr
    assert left_behind(pi) == ["lock", "venv"]
    after = devices("check", "--json")
    assert (after.returncode, json.loads(after.stdout)["ready"]) == (0, True)
    assert devices("setup").stdout.splitlines()[-1:] == [f"already set up: {contents}"]


def test_a_board_without_python(make_quick_pi: MakePi, connect: Connect) -> None:
    pi = make_quick_pi()
    for name in ("python3", "python3.11"):
        pi.path(f"/usr/bin/{name}").unlink()
    connection = connect(pi)
    message = r"^kitchen: there is no Python; on the device, run: sudo apt install python3$"
    with pytest.raises(NotReadyError, match=message):
        set_up(connection)
    assert [item.name for item in check(connection).items] == ["python"]


def test_numpy_of_the_system_that_will_not_do(
    make_pi: MakePi, connect: Connect, wheels32: Path
) -> None:
    pi = make_pi(32)
    connection = connect(pi)
    [facts] = pi.path(PACKAGES).glob("numpy-*info")
    told = facts / "PKG-INFO" if facts.is_dir() else facts
    told.write_text(told.read_text().replace("Version: 1.24.2", "Version: 2.2.4"))
    with pytest.raises(NotReadyError, match=r"the system's is 2\.2\.4, .* works with numpy 1 only"):
        set_up(connection, wheels=wheels32)
    told.unlink()
    with pytest.raises(NotReadyError, match=r"on the device, run: sudo apt install python3-numpy"):
        set_up(connection, wheels=wheels32)


def test_a_disk_without_room(make_quick_pi: MakePi, connect: Connect, quick_wheels: Path) -> None:
    pi = make_quick_pi()
    connection = connect(pi)
    pi.fill_disk(leave_bytes=10_000_000)
    with pytest.raises(NotReadyError, match=r"^kitchen: .* disk is full: .* 10 MB are free"):
        set_up(connection, wheels=quick_wheels)
    assert left_behind(pi) == []
    pi.path("/var/ballast").unlink()

    def fill_meanwhile(line: str) -> None:
        if line.startswith("copied"):
            pi.fill_disk(leave_bytes=2_000_000)

    with pytest.raises(NotReadyError, match=r"^kitchen: the device's disk is full.* Nothing was"):
        set_up(connection, wheels=quick_wheels, on_step=fill_meanwhile)
    assert left_behind(pi) == ["lock"]


def test_an_interrupted_setup_is_repaired(
    make_quick_pi: MakePi, connect: Connect, quick_wheels: Path
) -> None:
    pi = make_quick_pi()
    connection = connect(pi)

    def pull_the_plug() -> None:
        give_up = time.monotonic() + 60
        while not pi.path("/home/pi/.edgecnn/venv.new").exists() and time.monotonic() < give_up:
            time.sleep(0.01)
        for process in pi.processes():
            if "python" in process.command[0]:
                process.send(signal.SIGKILL)

    plug = threading.Thread(target=pull_the_plug)
    plug.start()
    with pytest.raises(DeviceError, match=r"^kitchen: "):
        set_up(connection, wheels=quick_wheels)
    plug.join()
    assert "venv.new" in left_behind(pi)
    assert check(connection).items[2].text == "an earlier setup did not end"
    assert set_up(connection, wheels=quick_wheels).ready
    assert left_behind(pi) == ["lock", "venv"]
