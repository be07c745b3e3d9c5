"""Boards that lie or hang behind a real SSH server: a line each, and nothing is asked twice."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from edgecnn.core.errors import DeviceError
from edgecnn.core.messages import to_frame
from edgecnn.core.temporary import part_name
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection
from edgecnn.devices.ssh.process import SshProcess
from edgecnn.runner.ondevice.protocol import CallProgress
from edgecnn.runner.patience import Patience
from edgecnn.runner.session import RunnerSession

from .board import EmulatedPi

QUICK = Patience(answer_s=2.0, start_s=2.0, model_s=2.0)
READ = "read request; "


@pytest.fixture
def connection(quick_pi: EmulatedPi, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshConnection]:
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(quick_pi.folder / "ssh_config"))
    with SshConnection(SshAddress(quick_pi.name), "kitchen") as connection:
        yield connection


def refusal(connection: SshConnection, script: str, patience: Patience = QUICK) -> str:
    """Have a shell script answer as a runner, and return the line that asking it ends with."""
    begin = time.monotonic()
    channel = connection.start(["sh", "-c", script], "running 'a.tflite'")
    assert isinstance(channel, SshProcess)
    session = RunnerSession(channel, "kitchen", patience)
    with pytest.raises(DeviceError) as wrong, session:
        session.facts()
    assert time.monotonic() - begin < 40
    line = str(wrong.value)
    assert line.isprintable()
    return line


PROGRESS = to_frame(CallProgress(1, 1.0)).numbered(1).head().decode().strip()

LIES = [
    ("echo hello; sleep 600", "a wrong answer to 'describe the device': not a message: b'hello"),
    ("yes | tr -d '\\n'", "a wrong answer to 'describe the device': a line of more than 16 MiB"),
    (f"yes '{PROGRESS}'", "a wrong answer to 'describe the device': a message of the kind"),
    (
        """echo '{"kind": "HostFacts", "payload_bytes": 1152921504606846976}'; sleep 600""",
        "a wrong answer to 'describe the device': 1152921504606846976 raw bytes came",
    ),
    ("sleep 600", "no answer to 'describe the device' within 2 s"),
    ("while sleep 0.1; do echo; done", "no answer to 'describe the device' within 2 s"),
    ("""printf '{"kind": "Host'""", "its runner ended before it answered 'describe the device'"),
]


@pytest.mark.parametrize(("script", "said"), LIES)
def test_a_lie_over_ssh_is_one_line(script: str, said: str, connection: SshConnection) -> None:
    assert refusal(connection, READ + script).startswith(f"kitchen: {said}")


def test_output_that_is_closed_is_no_lost_connection(
    connection: SshConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecnn.devices.ssh.process.EXIT_TIMEOUT_S", 1.0)
    line = refusal(connection, READ + "exec >&- 2>&-; sleep 600")
    assert line == "kitchen: its runner ended before it answered 'describe the device'"


def test_requests_that_are_not_read_end(connection: SshConnection) -> None:
    channel = connection.start(["sleep", "600"], "running 'a.tflite'")
    with (
        RunnerSession(channel, "kitchen", QUICK) as session,
        pytest.raises(DeviceError, match="kitchen: no answer to 'classify images' within 2 s"),
    ):
        noise = np.random.default_rng(0).standard_normal((64, 1, 224, 224, 3), np.float32)
        session.submit(noise, 1)


def test_a_command_that_writes_without_end_is_a_line(connection: SshConnection) -> None:
    with pytest.raises(DeviceError, match="kitchen: looking: more than 16 MiB of output came"):
        connection.run(["yes"], task="looking")
    assert connection.run(["whoami"]).stdout == b"pi\n"


def test_an_upload_that_is_not_taken_ends(
    quick_pi: EmulatedPi, connection: SshConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecnn.devices.ssh.connection.STALL_TIMEOUT_S", 1.0)
    # Opening a pipe that nobody reads is a write that never ends, as on a card that is broken.
    quick_pi.ssh(f"mkdir up; mkfifo up/{part_name('a.tflite', connection._own)}")
    try:
        with pytest.raises(DeviceError, match="uploading 'a': nothing was taken for 1 s"):
            connection.upload(bytes(1 << 20), "up/a.tflite", "'a'")
    finally:
        quick_pi.ssh("rm -r up")
