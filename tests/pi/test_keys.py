"""Keys to log in with: the agent's, locked ones, several, and those that ``ssh`` would not take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgecnn.core.errors import DeviceError
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection

from .board import EmulatedPi, make_key

PASSPHRASE = "open sesame"
CONFIG = """
Host kitchen
    HostName {pi.host}
    Port {pi.port}
    User {pi.user}
    UserKnownHostsFile "{pi.folder}/known_hosts"
"""

Configure = Callable[..., SshConnection]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without keys and agent."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "home/.ssh").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def connect(quick_pi: EmulatedPi, home: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Make a connection with these lines in the SSH configuration."""

    def connect(*lines: str, identity: Path | None = None, ask: object = None) -> SshConnection:
        config = home / "config"
        config.write_text(CONFIG.format(pi=quick_pi) + "".join(f"    {line}\n" for line in lines))
        monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(config))
        address = SshAddress("kitchen", identity=None if identity is None else str(identity))
        return SshConnection(address, "kitchen", ask)  # type: ignore[arg-type]

    return connect


@pytest.fixture
def right(quick_pi: EmulatedPi) -> Path:
    """The key that the board takes."""
    return quick_pi.folder / "id_ed25519"


@pytest.fixture
def locked(right: Path, home: Path) -> Path:
    """The same key, with a passphrase."""
    return lock(right, home / "locked key")


def lock(key: Path, target: Path) -> Path:
    target.write_bytes(key.read_bytes())
    target.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f", str(target)]
    subprocess.run(change, check=True, stdout=subprocess.DEVNULL)
    return target


def logs_in(connection: SshConnection) -> bool:
    with connection:
        return connection.run(["whoami"]).stdout == b"pi\n"


@pytest.fixture
def agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Start an agent, and give what adds a key to it."""
    socket = home / "agent"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield lambda key: subprocess.run(["ssh-add", "-q", str(key)], check=True) and None
        running.terminate()


def test_the_agents_key_is_taken(
    connect: Configure, agent: Callable[[Path], None], right: Path, locked: Path, home: Path
) -> None:
    with pytest.raises(DeviceError, match="permission denied"):
        connect().open()
    agent(right)
    assert logs_in(connect())
    assert logs_in(connect(identity=locked))  # the agent's is the same, unlocked
    assert logs_in(connect("IdentitiesOnly yes", f'IdentityFile "{locked}"'))
    other = make_key(home / "other")
    with pytest.raises(DeviceError, match="permission denied"):
        connect(identity=other).open()
    with pytest.raises(DeviceError, match="permission denied"):
        connect("IdentityAgent none").open()


def test_more_keys_than_a_server_wants_to_see(
    connect: Configure, agent: Callable[[Path], None], right: Path, home: Path
) -> None:
    for number in range(7):
        agent(make_key(home / f"other{number}"))
    agent(right)
    with pytest.raises(DeviceError, match=r"too many keys and hung up: name .* --identity"):
        connect().open()
    assert logs_in(connect(identity=right))
    assert logs_in(connect(f"IdentityFile {right}"))


def test_an_agent_that_is_gone_is_no_agent(
    connect: Configure, right: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "gone"))
    assert logs_in(connect(identity=right))


def test_several_identities_are_tried_in_turn(
    connect: Configure, right: Path, locked: Path, home: Path
) -> None:
    other, broken = make_key(home / "other"), home / "broken"
    broken.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nno\n")
    broken.chmod(0o600)
    named = [f'IdentityFile "{path}"' for path in (locked, home / "none", broken, other, right)]
    assert logs_in(connect(*named))
    with pytest.raises(DeviceError, match=r"permission denied.*/broken' was not used: "):
        connect(*named[2:4]).open()


def test_the_usual_files_are_found(connect: Configure, right: Path, home: Path) -> None:
    usual = home / ".ssh/id_ed25519"
    usual.write_bytes(right.read_bytes())
    usual.chmod(0o600)
    assert logs_in(connect())
    with pytest.raises(DeviceError, match="permission denied"):
        connect("IdentityFile none").open()


def test_a_locked_key_asks_for_its_passphrase(
    connect: Configure, right: Path, locked: Path, home: Path
) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "wrong" if len(asked) == 1 else PASSPHRASE

    strange = lock(make_key(home / "strange"), home / "strange locked")
    both = [f'IdentityFile "{path}"' for path in (strange, locked)]
    connection = connect(*both, ask=ask)  # of the strange one the board knows nothing
    assert logs_in(connection)
    assert logs_in(connection)  # not asked again
    question = f"Passphrase for the key '{locked}': "
    assert asked == [question, f"Not accepted, try again. {question}"]
    with pytest.raises(DeviceError, match=r"takes your key '.*', and the passphrase is wrong"):
        connect(identity=locked, ask=lambda question: "wrong").open()
    with pytest.raises(DeviceError, match=rf"a passphrase locks: .*ssh-add '{locked}'"):
        connect(identity=locked).open()


def test_who_gives_no_passphrase_is_asked_for_the_password(
    connect: Configure, quick_pi: EmulatedPi, locked: Path
) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "" if question.startswith("Passphrase") else quick_pi.password

    assert logs_in(connect(identity=locked, ask=ask))
    assert [question.split()[0] for question in asked] == ["Passphrase", "Password"]
    with pytest.raises(DeviceError, match=r"permission denied.*as a passphrase locks it"):
        connect(identity=locked, ask=lambda question: "").open()


def test_a_key_that_others_can_read_is_not_used(
    connect: Configure, right: Path, home: Path
) -> None:
    key = home / "open key"
    key.write_bytes(right.read_bytes())
    key.chmod(0o644)
    for connection in (connect(identity=key), connect(f'IdentityFile "{key}"')):
        with pytest.raises(DeviceError, match="permission denied") as denied:
            connection.open()
    advice = re.search(r"others can read it: run '(chmod 600 .*?)';", str(denied.value))
    assert advice
    subprocess.run(advice[1], shell=True, check=True)
    assert logs_in(connect(identity=key))


def test_what_is_no_key_is_said(connect: Configure, home: Path) -> None:
    (home / "text").write_text("no key")
    (home / "text").chmod(0o600)
    with pytest.raises(DeviceError, match="a private key cannot be used: Invalid private key"):
        connect(identity=home / "text").open()
    with pytest.raises(DeviceError, match=r"cannot read '.*/home': it is a folder"):
        connect(identity=home).open()


def on_a_terminal(*arguments: str, answers: list[str]) -> tuple[int, str]:
    """Run the command on a terminal, and answer each question when it is asked."""
    code = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", code, sys.executable, "-m", "edgecnn", *arguments]
    said = ""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None and running.stdout is not None
        while piece := os.read(running.stdout.fileno(), 4096):
            said += piece.decode(errors="replace")
            if said.endswith(": "):
                running.stdin.write(answers.pop(0).encode() + b"\n")
                running.stdin.flush()
        return running.wait(), said


def test_a_passphrase_is_asked_for_on_the_terminal_and_never_shown(
    connect: Configure, locked: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from edgecnn.devices.inventory import Inventory

    connect()
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))
    Inventory().add("board", SshAddress("kitchen", identity=str(locked)))
    status, said = on_a_terminal("devices", "check", "board", answers=["wrong", PASSPHRASE])
    assert "ok      system" in said, said
    assert said.count("Passphrase for the key") == 2
    assert "wrong" not in said and PASSPHRASE not in said
    assert status == 1  # the board is not set up
