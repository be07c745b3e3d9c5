"""``edgecnn bench`` on boards: the same answers as here, whatever happens to the connection."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn import bench
from edgecnn.core.errors import ChildCrashedError, DeviceError, EdgecnnError
from edgecnn.devices import remote
from edgecnn.devices.inventory import Inventory
from edgecnn.devices.remote import RemoteDevice
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection
from edgecnn.records.record import Record
from tests.children import wait_until

from .board import EmulatedPi
from .conftest import PYTHON, MakePi

QUICK: dict[str, Any] = {"runs": 3, "min_time_s": 0.0, "warmup": 0}


@pytest.fixture(scope="module")
def board(can_emulate: None, runtimes: None) -> Iterator[EmulatedPi]:
    """A board with a runtime that the tests of this file share: connections to it may be cut."""
    with EmulatedPi(64, runtime=True) as pi:
        yield pi


@pytest.fixture
def model(tmp_path: Path, colour_model: Any) -> Path:
    path: Path = colour_model(tmp_path / "colours.tflite")
    return path


def runners(pi: EmulatedPi) -> list[Any]:
    """Return the processes of ours on a board."""
    return [one for one in pi.processes() if any(".edgecnn" in part for part in one.command)]


def leftovers(pi: EmulatedPi) -> str:
    return pi.ssh("find .edgecnn -name '*.part'").stdout


def is_running(pi: EmulatedPi) -> bool:
    return any("run" in one.command for one in runners(pi))


def test_a_board_answers_as_this_machine_does(
    board: EmulatedPi, known: Any, model: Path, colour_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(kitchen=board)
    asked: dict[str, Any] = {"data": colour_photos, "preprocess": "tf", "images": 8, **QUICK}
    here = bench(model, **asked)[0]
    there = bench(model, device="kitchen", **asked)[0]
    assert (there.device, there.architecture, there.emulated) == ("kitchen", "aarch64", True)
    assert there.verdict == "emulated"
    assert there.images == here.images
    assert (there.top1_percent, there.images_unreadable) == (
        here.top1_percent,
        here.images_unreadable,
    )
    uploads: list[object] = []
    monkeypatch.setattr(
        "edgecnn.devices.ssh.connection.SshConnection.upload", lambda *args: uploads.append(args)
    )
    with RemoteDevice(SshConnection(SshAddress("kitchen", python=PYTHON), "kitchen")) as device:
        device.place(model)
    assert uploads == []
    wait_until(lambda: not runners(board), 5)
    assert leftovers(board) == ""


def test_a_board_rests_until_it_is_cool(make_quick_pi: MakePi, known: Any, model: Path) -> None:
    pi = make_quick_pi(runtime=True)
    known(kitchen=pi)
    pi.set_health(temperature_c=60.0)
    asked: dict[str, Any] = {"device": "kitchen", "runs": 20, "min_time_s": 0.0}
    (warm,) = bench(model, cooldown="50C,1.5s", **asked)
    assert warm.cooldown_s is not None and warm.cooldown_s >= 1.5
    pi.set_health(temperature_c=45.0)
    (cool,) = bench(model, cooldown="50C,600s", **asked)
    assert cool.cooldown_s is not None and cool.cooldown_s < 60
    assert cool.temperature_before_c == 45


def test_a_device_is_used_by_one_at_a_time(quick_pi: EmulatedPi, known: Any) -> None:
    known(kitchen=quick_pi)
    with (
        RemoteDevice(SshConnection(SshAddress("kitchen", python=PYTHON), "kitchen")),
        pytest.raises(DeviceError, match=rf"in use by .*@.* \(process {os.getpid()}, since "),
        RemoteDevice(SshConnection(SshAddress("kitchen", python=PYTHON), "kitchen")),
    ):
        pass
    with RemoteDevice(SshConnection(SshAddress("kitchen", python=PYTHON), "kitchen")):
        pass


def test_what_is_not_set_up_is_told_how(make_quick_pi: MakePi, known: Any, model: Path) -> None:
    known(kitchen=make_quick_pi())
    with pytest.raises(EdgecnnError, match="no TFLite runtime"):
        bench(model, device="kitchen", **QUICK)
    Inventory().add("kitchen", SshAddress("kitchen"))
    with pytest.raises(DeviceError, match="'edgecnn devices setup kitchen' does that"):
        bench(model, device="kitchen", **QUICK)
    Inventory().add("kitchen", SshAddress("kitchen", python="/opt/python"))
    with pytest.raises(DeviceError, match="no Python at '/opt/python'"):
        bench(model, device="kitchen", **QUICK)


def test_a_crash_there_is_a_line(quick_pi: EmulatedPi, known: Any, model: Path) -> None:
    known(kitchen=quick_pi)

    def crash() -> None:
        for one in runners(quick_pi):
            if "run" in one.command:
                one.send(signal.SIGSEGV)

    with RemoteDevice(SshConnection(SshAddress("kitchen", python=PYTHON), "kitchen")) as device:
        place = device.place(model)
        with (
            pytest.raises(ChildCrashedError, match="on kitchen: its process crashed"),
            device.start("running 'colours.tflite'") as session,
        ):
            session.load(place, threads=1)
            crash()
            session.memory()
    wait_until(lambda: not runners(quick_pi), 5)


def test_a_cut_is_survived(
    board: EmulatedPi, known: Any, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known(kitchen=board)
    monkeypatch.setattr(remote, "RECONNECT_AFTER_S", (0.1, 0.5, 1.0))
    images = np.random.default_rng(0).integers(0, 255, (4, 1, 4, 4, 3)).astype(np.float32)
    cuts = 0

    def cut(fraction: float) -> None:
        nonlocal cuts
        cuts += 1
        if cuts == 1:
            board.kill_connections()

    with RemoteDevice(SshConnection(SshAddress("kitchen", python=PYTHON), "kitchen")) as device:
        board.kill_connections()
        place = device.place(model)
        with device.start("running 'colours.tflite'") as session:
            session.load(place, threads=1)
            whole = session.classify(images, top_k=3)
            timing = session.time(runs=5, min_time_s=0.5, on_progress=cut)
            assert cuts >= 2 and len(timing.samples_ms) >= 5
            board.kill_connections()
            again = session.classify(images, top_k=3)
            assert (again.top == whole.top).all()
    wait_until(lambda: not runners(board), 5)


def test_a_cut_during_an_upload_is_survived(
    make_quick_pi: MakePi, known: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pi, large = make_quick_pi(runtime=True), tmp_path / "large.tflite"
    known(kitchen=pi)
    monkeypatch.setattr(remote, "RECONNECT_AFTER_S", (0.1, 0.5, 1.0))
    large.write_bytes(os.urandom(5_000_000))
    told: list[int] = []

    def cut(done: int, total: int) -> None:
        told.append(done)
        if len(told) == 1:
            pi.kill_connections()

    with RemoteDevice(SshConnection(SshAddress("kitchen", python=PYTHON), "kitchen")) as device:
        place = device.place(large, cut)
        assert pi.ssh(f"sha256sum {place}").stdout[:64] in place
        assert leftovers(pi) == ""
        pi.stop_server()
        pi.kill_connections()
        large.write_bytes(os.urandom(3_000_000))
        with pytest.raises(DeviceError, match=r"not reached again: .*refuses the connection"):
            device.place(large)


def run_in_background(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "edgecnn", "bench", *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_nothing_runs_on_without_the_host(
    number: signal.Signals, quick_pi: EmulatedPi, known: Any, model: Path
) -> None:
    known(kitchen=quick_pi)
    devices = ["--device", "kitchen", "--device", "desktop"]
    with run_in_background(model, *devices, "--min-time", 600) as host:
        wait_until(lambda: is_running(quick_pi))
        time.sleep(3)
        host.send_signal(number)
        _, said = host.communicate(timeout=30)
        wait_until(lambda: not runners(quick_pi), 5)
    if number == signal.SIGINT:
        assert (host.returncode, said.strip()) == (130, "edgecnn: interrupted")
    assert leftovers(quick_pi) == ""


def test_boards_are_measured_at_the_same_time(
    board: EmulatedPi, make_pi: MakePi, known: Any, model: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    other = make_pi(32, runtime=True)
    known(first=other, second=board)
    Inventory().add("gone", SshAddress("127.0.0.1", port=1))
    target = tmp_path / "records.json"
    devices = [part for name in ("first", "gone", "second") for part in ("--device", name)]
    done = run_edgecnn("bench", model, *devices, "--min-time", 0, "--runs", 3, "--json", target)
    records = [Record.from_dict(values) for values in json.loads(target.read_text())]
    assert [(one.device, one.architecture) for one in records] == [
        ("first", "armv7l"),
        ("second", "aarch64"),
    ], done.stderr
    assert done.returncode == 1
    assert "edgecnn: gone (127.0.0.1:1): it refuses the connection" in done.stderr
    for pi in (board, other):
        with contextlib.suppress(AssertionError):
            wait_until(lambda pi=pi: not runners(pi), 5)
        assert runners(pi) == []


def test_an_open_shape_and_a_signature_are_chosen_on_boards(
    quick_pi: EmulatedPi, make_pi: MakePi, known: Any, shared_data: Path
) -> None:
    strangers = shared_data / "strangers"
    known(quick=quick_pi, old=make_pi(32, runtime=True))
    path = strangers / "dilated_conv.tflite"
    (sized,) = bench(path, device="quick", size=(32, 48), **QUICK)
    assert (sized.input_shape, sized.input_shapes) == ((1, 32, 48, 3), "1x32x48x3")
    # The other runtime has calls of its own for other subgraphs than the first.
    path = strangers / "two_sig.tflite"
    (named,) = bench(path, device="old", signature="model_two", **QUICK)
    assert (named.signature, named.runtime) == ("model_two", "tflite-runtime")
