"""``edgecnn bench`` over a wire that is cut at any moment: the answers are those of a whole run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.cli.main import run
from edgecnn.devices import remote
from edgecnn.devices.inventory import Inventory
from edgecnn.devices.ssh.address import SshAddress
from tests.children import wait_until

from .board import EmulatedPi
from .wire import Wire

PYTHON = "/usr/bin/python3"
IMAGES = 160
LOGIN_BYTES = 12_000
"""Both sides have greeted and the key was taken: what is cut before is a login that failed."""

Bench = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of noise: a model that knows colours is right on about a third, and ties are none."""
    folder, draw = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for number in range(IMAGES):
        label = folder / f"{number % 3}"
        label.mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (4, 4, 3), np.uint8)).save(label / f"{number}.png")
    return folder


@pytest.fixture
def wire(quick_pi: EmulatedPi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The wire to a board that is called ``kitchen``, with nothing of ours on it."""
    monkeypatch.setattr(remote, "RECONNECT_AFTER_S", (0.1, 0.2, 0.5))
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(tmp_path / "ssh_config"))
    quick_pi.ssh("rm -rf .edgecnn")
    with Wire(quick_pi.port) as wire:
        quick_pi.write_ssh_config(tmp_path, wire.port)
        Inventory().add("kitchen", SshAddress(quick_pi.name, python=PYTHON))
        yield wire


@pytest.fixture
def bench(
    wire: Wire, colour_model: Any, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Bench:
    """Run the command, and return its exit code and what it wrote as JSON."""
    model, target = colour_model(tmp_path / "colours.tflite"), tmp_path / "records.json"

    def bench(*options: object) -> tuple[int, list[dict[str, Any]]]:
        asked = ["--data", photos, "--preprocess", "tf", "--runs", 200, "--min-time", 0]
        device = ["--device", "kitchen", "--json", target]
        status = run(["bench", str(model), *map(str, (*device, *asked, *options))])
        return status, json.loads(target.read_text()) if target.exists() else []

    return bench


def answers(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    keys = ("images", "images_unreadable", "top1_percent", "top5_percent")
    return [tuple(record[key] for key in keys) for record in records]


def ours_on(pi: EmulatedPi) -> list[tuple[str, ...]]:
    return [one.command for one in pi.processes() if any(".edgecnn" in p for p in one.command)]


def test_a_run_that_is_cut_anywhere_answers_as_a_whole_one(
    quick_pi: EmulatedPi, wire: Wire, bench: Bench
) -> None:
    status, whole = bench()
    assert (status, [record["images"] for record in whole]) == (0, [IMAGES])
    total, draw = wire.bytes * 9 // 10, random.Random(5)  # times are written in more digits or less
    quick_pi.ssh("rm -rf .edgecnn")
    wire.bytes = 0
    wire.cut_after = sorted(draw.randrange(LOGIN_BYTES, total) for _ in range(3))
    before = wire.cuts
    status, records = bench()
    assert (status, answers(records)) == (0, answers(whole))
    assert wire.cuts - before >= 1
    assert quick_pi.ssh("find .edgecnn -name '*.part'").stdout == ""
    wait_until(lambda: not ours_on(quick_pi), 30)


def test_runners_that_take_turns_survive_a_cut_together(
    quick_pi: EmulatedPi, wire: Wire, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, whole = bench("--threads", "1,2", "--min-time", 0.4)
    assert (status, [record["in_turn"] for record in whole]) == (0, [2, 2])
    total, draw = wire.bytes * 9 // 10, random.Random(7)
    wire.bytes = 0
    wire.cut_after = sorted(draw.randrange(total // 4, total) for _ in range(2))
    before, logins = wire.cuts, []
    log_in = remote.RemoteDevice._open
    monkeypatch.setattr(
        remote.RemoteDevice, "_open", lambda self: (logins.append(self), log_in(self))
    )
    status, records = bench("--threads", "1,2", "--min-time", 0.4)
    assert (status, answers(records)) == (0, answers(whole))
    assert all(record["runs"] >= 200 for record in records)
    # They have one connection, which is made anew once for both.
    assert wire.cuts > before
    assert len(logins) <= 1 + 2 * (wire.cuts - before)
    wait_until(lambda: not ours_on(quick_pi), 30)


@pytest.mark.parametrize(
    ("moment", "code"),
    [("timing ", "connection-cut"), ("accuracy of ", "connection-cut-later")],
    ids=["while calls were timed", "while images were classified"],
)
def test_a_record_says_that_its_connection_was_cut(
    quick_pi: EmulatedPi, wire: Wire, colour_model: Any, photos: Path, tmp_path: Path,
    moment: str, code: str,
) -> None:  # fmt: skip
    cut: list[str] = []

    def cut_once(phase: str, done: int, total: int) -> None:
        if phase.startswith(moment) and not cut:
            cut.append(phase)
            quick_pi.kill_connections()

    models = [colour_model(tmp_path / "cut.tflite"), colour_model(tmp_path / "whole.tflite")]
    (record,) = edgecnn.bench(
        models[0], device="kitchen", data=photos, preprocess="tf", runs=5, min_time_s=0.3,
        on_progress=cut_once,
    )  # fmt: skip
    assert cut and record.connection_cuts == 1 and record.rebooted is False
    codes = [warning.code for warning in record.warnings]
    assert [one for one in codes if one.startswith("connection-cut")] == [code]
    # Another emulated board's times are the emulator's, whatever happened to them.
    if code == "connection-cut" and not record.emulated:
        assert record.verdict == "noisy"
        assert "the connection was cut 1 time(s)" in (record.verdict_evidence or "")
    (record,) = edgecnn.bench(models[1], device="kitchen", runs=5, min_time_s=0)
    assert record.connection_cuts == 0
    assert not any(warning.code.startswith("connection-cut") for warning in record.warnings)


def test_what_was_measured_is_kept_where_the_device_is_gone_for_good(
    wire: Wire, bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def cut_for_good_after_the_first(*arguments: Any) -> None:
        written(*arguments)
        wire.cut_for_good()

    from edgecnn.cli import bench as command

    written = command.write_json
    monkeypatch.setattr(command, "write_json", cut_for_good_after_the_first)
    status, records = bench("--threads", "1,2")
    said = capfd.readouterr()
    assert (status, [record["threads"] for record in records]) == (1, [1])
    assert records[0]["images"] == IMAGES
    [line] = said.err.splitlines()
    assert line.startswith("edgecnn: ") and "not reached again: kitchen" in line
    assert "refuses the connection" in line
    assert "colours.tflite" in said.out  # the table of what was measured
