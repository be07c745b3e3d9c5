"""Boards that lie to a whole command: it ends with a line, and no figure is kept."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgecnn.cli.main import run
from edgecnn.core.errors import DeviceError, InputError
from edgecnn.devices.device_lookup import get_device
from edgecnn.devices.inventory import Inventory
from edgecnn.devices.setup.probe import probe
from edgecnn.devices.transports import connect, parse_address
from tests.devices import lying_program
from tests.devices.local_transport import LocalAddress

pytestmark = pytest.mark.skipif(shutil.which("env") is None, reason="programs start by env -C")

Lie = Callable[..., None]


@pytest.fixture
def lie(home: Path) -> Lie:
    """Have ``kitchen`` lie: ``lie("ModelTimed", samples_ns=[])`` or ``lie("ModelTimed", b"")``."""

    def lie(kind: str, content: bytes | None = None, **changes: Any) -> None:
        spoilt = {"changes": changes} if content is None else {"bytes": content.decode("latin-1")}
        (home / "lie.json").write_text(json.dumps({"kind": kind, **spoilt}))
        python = home / "python"
        program = Path(lying_program.__file__).resolve()
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n')
        python.chmod(0o755)
        Inventory().add("kitchen", LocalAddress(str(home), str(python)))

    return lie


@pytest.fixture
def bench(
    colour_model: Any, colour_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[str]]:
    """Run the command on ``kitchen``, and return its lines of error; there is no record."""

    def bench() -> list[str]:
        target = tmp_path / "records.json"
        asked = ["--runs", "3", "--min-time", "0", "--warmup", "0", "--json", str(target)]
        data = ["--data", str(colour_photos), "--preprocess", "tf"]
        model = colour_model(tmp_path / "colours.tflite")
        assert run(["bench", str(model), "--device", "kitchen", *asked, *data]) == 1
        assert not target.exists() or json.loads(target.read_text()) == []
        return capsys.readouterr().err.splitlines()

    return bench


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("ModelTimed", {"samples_ns": [1000, 0, 1000]}, "'time the model': ModelTimed: samples_ns"),
        ("ModelLoaded", {"outputs": []}, "'load the model': ModelLoaded: outputs has 0 values"),
        ("HostFacts", {"memory_bytes": -1}, "'describe the device': HostFacts: memory_bytes is -1"),
        ("BatchClassified", {"finite": []}, "'classify images': BatchClassified: finite has 0"),
        ("HealthTexts", {"trust": "me"}, "'tell the device's state': HealthTexts: 'trust' is not"),
    ],
)
def test_a_lie_is_one_line_and_no_record(
    kind: str, changes: dict[str, Any], said: str, lie: Lie, bench: Any, home: Path
) -> None:
    lie(kind, **changes)
    [line] = [line for line in bench() if line.startswith("edgecnn: ")]
    assert f"kitchen: a wrong answer to {said}" in line
    # A lie is no lost connection, after which a runner would be started and asked again.
    assert (home / "runs").read_text() == "run\n"


def test_a_hung_board_ends_within_the_users_time(
    lie: Lie, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie("ModelTimed", b'{"kind": "Model')
    monkeypatch.setenv("EDGECNN_TIMEOUT", "2")
    begin = time.monotonic()
    [line] = [line for line in bench() if line.startswith("edgecnn: ")]
    assert "kitchen: no answer to 'time the model' within 2 s" in line
    assert line.endswith("if the model is that slow, set EDGECNN_TIMEOUT to more seconds")
    assert time.monotonic() - begin < 60


def test_a_board_that_is_never_locked_ends(lie: Lie) -> None:
    lie("LockHeld", b"")
    device = get_device("kitchen")
    device.patience = type(device.patience)(start_s=0.5)
    # It waits for its own earlier process, too, which a cut may have left there.
    with pytest.raises(DeviceError, match="kitchen: locking it: no answer for 6 s"), device:
        pass


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no message\n", "kitchen: not a message: b'no message"),
        (b'{"kind": "LockHeld", "trust": 1}\n', "kitchen: LockHeld: 'trust' is not one of"),
        (b'{"kind": "HostFacts"}\n', "kitchen: a message of the kind 'HostFacts' came"),
        (b'{"kind": "LockHeld", "payload_bytes": 9223372036854775808}\n', "raw bytes came"),
    ],
)
def test_a_wrong_answer_to_the_lock_is_a_line(content: bytes, said: str, lie: Lie) -> None:
    lie("LockHeld", content)
    with pytest.raises(DeviceError) as wrong, get_device("kitchen"):
        pass
    assert said in str(wrong.value)
    assert str(wrong.value).isprintable()


@pytest.mark.parametrize("text", ["soon", "0", "-5", "nan", "inf"])
def test_a_timeout_is_seconds(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_TIMEOUT", text)
    with pytest.raises(InputError, match=f"EDGECNN_TIMEOUT must be seconds above 0, not '{text}'"):
        get_device("desktop")


PYTHON = {
    "path": "/usr/bin/python3", "version": [3, 11, 2], "abi": "cp311", "implementation": "cpython",
    "bits": 64, "venv": True, "numpy": None,
}  # fmt: skip
BOARD = {
    "kind": "Board", "model": "a board", "os": "a system", "machine": "aarch64", "dpkg": "arm64",
    "glibc": "2.36", "free_bytes": 1 << 30, "pythons": [PYTHON],
    "venv": {"exists": False, "error": "not set up"},
}  # fmt: skip


def describing(home: Path, answer: bytes) -> Any:
    """Return a connection to a device whose Python says always the same."""
    (home / "answer").write_bytes(answer)
    python = home / "python3"
    python.write_text(f'#!/bin/sh\nexec cat "{home}/answer"\n')
    python.chmod(0o755)
    return connect(parse_address(f"local://{home}"), "kitchen")


def test_an_honest_description_is_taken(home: Path) -> None:
    connection = describing(home, json.dumps(BOARD).encode() + b"\n")
    assert probe(connection, str(home / "python3")).pythons[0].full_number == "3.11.2"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"glibc": "2.x"}, "glibc is '2.x', not a version"),
        ({"glibc": "2.9999999999"}, "glibc is '2.9999999999', not a version"),
        ({"free_bytes": -1}, "free_bytes is -1, not 0 to"),
        ({"free_bytes": 2**70}, "free_bytes is 1180591620717411303424, not 0 to"),
        ({"machine": "aarch64\x1b[2J"}, r"machine is 'aarch64\x1b[2J'"),
        ({"pythons": [PYTHON] * 1000}, "pythons has 1000 values, not 0 to 100"),
        ({"pythons": [{**PYTHON, "abi": "../../cp311"}]}, "abi is '../../cp311', not the name"),
        ({"pythons": [{**PYTHON, "version": [3, 11]}]}, "version has 2 values, not 3"),
        ({"pythons": [{**PYTHON, "version": [3, -1, 0]}]}, "version is -1, not 0 to"),
        ({"pythons": [{**PYTHON, "path": "/bin/p\ny"}]}, r"path is '/bin/p\ny', not the path"),
        ({"pythons": [{**PYTHON, "bits": 16}]}, "bits is 16, not 32 or 64"),
        ({"venv": {"exists": True}}, "python is None, not the name of a version"),
        ({"trust": 1}, "'trust' is not one of"),
        ({"kind": "Trust"}, "a message of the kind 'Trust' came"),
    ],
)
def test_a_wrong_description_of_a_board_is_a_line(
    changes: dict[str, Any], said: str, home: Path
) -> None:
    connection = describing(home, json.dumps({**BOARD, **changes}).encode() + b"\n")
    with pytest.raises(DeviceError) as wrong:
        probe(connection, str(home / "python3"))
    line = str(wrong.value)
    assert line.startswith("kitchen: being looked at: a wrong answer: ")
    assert said in line
    assert line.isprintable()


def test_why_a_device_cannot_be_looked_at_is_one_line(home: Path) -> None:
    said = {"kind": "SetupFailed", "reason": "os", "message": "no\n\nspace " * 1000}
    connection = describing(home, json.dumps(said).encode() + b"\n")
    with pytest.raises(DeviceError, match="cannot be looked at: no space no space") as wrong:
        probe(connection, str(home / "python3"))
    assert "\n" not in str(wrong.value)
    assert len(str(wrong.value)) < 3000
