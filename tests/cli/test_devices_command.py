"""``edgecnn devices list|add|remove``, and ``bench --images``, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgecnn import bench
from edgecnn.cli.devices import devices_command
from edgecnn.cli.main import run
from edgecnn.core.errors import MissingExtraError


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))


def said(*arguments: str) -> str:
    done = CliRunner().invoke(devices_command, arguments)
    assert done.exception is None, done.exception
    return done.stdout


def test_names_come_and_go() -> None:
    assert said("list") == "desktop  this machine\npi  pi@raspberrypi.local  (from the start)\n"
    assert said("add", "kitchen", "pi@10.0.0.7", "--port", "2222", "--identity", "~/.ssh/k")
    assert "kitchen  pi@10.0.0.7:2222  (identity: ~/.ssh/k)\n" in said("list")
    kitchen = json.loads(said("list", "--json"))[-1]
    assert kitchen == {
        **{"name": "kitchen", "host": "10.0.0.7", "user": "pi", "port": 2222},
        **{"identity": "~/.ssh/k", "python": None},
    }
    said("remove", "kitchen")
    assert "kitchen" not in said("list")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["add", "kitchen", "host;ls"], "'host;ls' cannot be the name of a host"),
        (["add", "a b", "host"], "'a b' cannot be a device's name"),
        (["add", "kitchen", "host:22", "--port", "23"], "two ports"),
        (["remove", "kitchen"], "no device 'kitchen'"),
    ],
)
def test_what_is_wrong_is_a_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["devices", *arguments]) == 2
    line = capsys.readouterr().err
    assert text in line and line.count("\n") == 1


def test_naming_devices_needs_no_ssh() -> None:
    code = "import sys; from edgecnn.cli.main import run; run(['devices', 'list'])"
    code += "; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"asyncssh", "numpy", "cryptography"} & set(done.stdout.split())


def test_without_the_extra_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, colour_model: Any
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'edgecnn\[ssh\]'"):
        bench(colour_model(tmp_path / "a.tflite"), device="pi")


def test_images_are_limited_evenly(colour_photos: Path, tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "a.tflite")
    quick: dict[str, Any] = {"runs": 1, "min_time_s": 0.0, "warmup": 0, "preprocess": "tf"}
    record = bench(model, data=colour_photos, images=3, **quick)[0]
    assert record.images is not None and record.images_unreadable is not None
    assert record.images + record.images_unreadable == 3
    for images in (0, -1):
        assert run(["bench", str(model), "-d", str(colour_photos), "--images", str(images)]) == 2
    assert run(["bench", str(model), "--images", "3"]) == 2
