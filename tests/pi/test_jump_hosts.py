"""Boards behind a jump host: what fails there is said of it, with the line that mends it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgecnn.core.errors import DeviceError, InputError
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection

from .board import EmulatedPi
from .conftest import MakePi

HOST = """
Host {name}
    HostName {pi.host}
    Port {pi.port}
    User {pi.user}
    UserKnownHostsFile "{known}"
    IdentityFile {identity}
    ProxyJump {jump}
"""
Connect = Callable[..., SshConnection]


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The one file of trusted host keys, for the jump host and the board."""
    return tmp_path / "known hosts"


@pytest.fixture
def gate(make_quick_pi: MakePi, known: Path) -> EmulatedPi:
    """The jump host."""
    gate = make_quick_pi()
    known.write_text((gate.folder / "known_hosts").read_text())
    return gate


@pytest.fixture
def connect(
    gate: EmulatedPi,
    quick_pi: EmulatedPi,
    known: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Connect:
    """Make a connection to the board by way of the jump host."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(tmp_path / "config"))
    with known.open("a") as file:
        file.write((quick_pi.folder / "known_hosts").read_text())

    def connect(
        ask: object = None, jump: str = "gate", beyond: str = "none", gates_key: str = ""
    ) -> SshConnection:
        hosts = (
            ("gate", gate, gates_key or f'"{gate.folder}/id_ed25519"', beyond),
            ("hidden", quick_pi, f'"{quick_pi.folder}/id_ed25519"', jump),
        )
        (tmp_path / "config").write_text(
            "".join(
                HOST.format(name=name, pi=pi, known=known, identity=identity, jump=by)
                for name, pi, identity, by in hosts
            )
        )
        return SshConnection(SshAddress("hidden"), "kitchen", ask)  # type: ignore[arg-type]

    return connect


def said_by(connection: SshConnection) -> str:
    with pytest.raises(DeviceError) as refused:
        connection.open()
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    return text


def test_the_way_leads_over_the_jump_host(gate: EmulatedPi, connect: Connect) -> None:
    with connect() as connection:
        assert connection.run(["whoami"]).stdout == b"pi\n"
        assert any(one.command[0].startswith("sshd: pi") for one in gate.processes())
        gate.kill_connections()
        with pytest.raises(DeviceError, match=r"connection was lost|not connected"):
            connection.run(["true"])
    assert said_by(connect(jump="gate,none.invalid")).startswith("kitchen: its jump host none.inv")


def test_its_host_key_is_checked_as_any(gate: EmulatedPi, connect: Connect, known: Path) -> None:
    connection = connect()
    remembered = known.read_text().splitlines()
    known.write_text(remembered[1] + "\n")
    unknown = said_by(connection)
    assert unknown.startswith("kitchen: its jump host gate: its host key is not known (ssh-ed25519")
    mend(unknown)
    connection.open()
    connection.close()
    gate.change_host_key()
    changed = said_by(connection)
    assert changed.startswith("kitchen: its jump host gate: its host key has changed (ssh-ed25519")
    mend(changed)
    connection.open()
    connection.close()


def test_a_host_key_behind_it_is_asked_for_from_there(connect: Connect, known: Path) -> None:
    connection = connect()
    known.write_text(known.read_text().splitlines()[0] + "\n")
    unknown = said_by(connection)
    assert unknown.startswith("kitchen (hidden): its host key is not known")
    mend(unknown)
    connection.open()
    connection.close()


def mend(message: str) -> None:
    """Run the command that a message ends with, as a user would."""
    command = re.search(r"run '(.*)'$", message)
    assert command
    done = subprocess.run(command[1], shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_its_password_is_asked_for(gate: EmulatedPi, connect: Connect) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return gate.password

    with connect(ask, gates_key="none") as connection:
        assert connection.run(["whoami"]).stdout == b"pi\n"
    assert asked == ["Password for gate: "]
    text = said_by(connect(lambda question: "wrong", gates_key="none"))
    assert text.startswith("kitchen: its jump host gate: permission denied")
    assert "'ssh-copy-id gate'" in text and "IdentityFile in the SSH configuration" in text


def test_what_is_down_is_named(
    gate: EmulatedPi, connect: Connect, monkeypatch: pytest.MonkeyPatch, make_quick_pi: MakePi
) -> None:
    gate.stop_server()
    assert said_by(connect()).startswith("kitchen: its jump host gate: it refuses the connection")
    gate.start_server()
    gate.stop()
    monkeypatch.setattr("edgecnn.devices.ssh.login.CONNECT_TIMEOUT_S", 1.0)
    assert said_by(connect()).startswith("kitchen: its jump host gate: no answer within 1 s")


def test_what_the_jump_host_does_not_reach_is_said(
    gate: EmulatedPi, connect: Connect, quick_pi: EmulatedPi
) -> None:
    connection = connect()
    connection.address = SshAddress("hidden", port=1)
    text = said_by(connection)
    assert "its jump host gate does not reach it (Connect" in text


def test_jump_hosts_in_a_circle_end(connect: Connect) -> None:
    with pytest.raises(InputError, match="in a circle: correct its lines ProxyJump"):
        connect(beyond="gate").open()
