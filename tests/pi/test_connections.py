"""Connections to boards: every way in which one fails is a line, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from edgecnn.core.errors import ChildCrashedError, ConnectionLostError, DeviceError, InputError
from edgecnn.core.messages import Frame
from edgecnn.devices.ssh import login
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection

from .board import EmulatedPi
from .conftest import MakePi

NO_KEYS = "Host *\n UserKnownHostsFile {known}\n IdentityFile none\n"


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def use(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(config))


def connection_to(pi: EmulatedPi, monkeypatch: pytest.MonkeyPatch) -> SshConnection:
    use(monkeypatch, pi.folder / "ssh_config")
    return SshConnection(SshAddress(pi.name), "kitchen")


def direct(pi: EmulatedPi) -> SshAddress:
    return SshAddress(pi.host, pi.user, pi.port)


def test_arguments_arrive_as_they_are(pi64: EmulatedPi, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = ["a b", "$HOME", "'", '"', "*", ";ls", "\n", "-n", "ü"]
    with connection_to(pi64, monkeypatch) as connection:
        said = connection.run(["printf", "%s|", *odd])
        assert said.stdout.decode() == "".join(f"{text}|" for text in odd)
        assert connection.run(["cat"], stdin=b"\0\xff").stdout == b"\0\xff"
        assert connection.run(["sh", "-c", "exit 3"]).status == 3
        with pytest.raises(DeviceError, match=r"'sleep'.*within 1 s"):
            connection.run(["sleep", "30"], timeout_s=1)


def test_a_file_arrives_whole(
    pi64: EmulatedPi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model, told = tmp_path / "a b.tflite", []
    model.write_bytes(os.urandom(3_000_000))
    with connection_to(pi64, monkeypatch) as connection:
        content = model.read_bytes()
        tell = lambda done, total: told.append((done, total))  # noqa: E731
        connection.upload(content, "up/a b.tflite", "the model", tell)
        assert connection.is_file("up/a b.tflite", 3_000_000)
        assert not connection.is_file("up/a b.tflite", 1)
        assert connection.run(["cat", "up/a b.tflite"]).stdout == content
        assert connection.run(["ls", "-A", "up"]).stdout == b"a b.tflite\n"
        connection.run(["rm", "-r", "up"])
    assert told[-1] == (3_000_000, 3_000_000)


def test_a_full_disk_is_said_and_nothing_is_left(
    make_pi: MakePi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pi, model = make_pi(disk_mb=16), tmp_path / "a.tflite"
    model.write_bytes(bytes(2_000_000))
    with connection_to(pi, monkeypatch) as connection:
        pi.fill_disk(leave_bytes=1_000_000)
        with pytest.raises(DeviceError, match=r"kitchen: its disk is full: 2.0 MB are needed"):
            connection.upload(bytes(2_000_000), ".edgecnn/files/a.tflite", "a model")
        assert connection.run(["ls", "-A", ".edgecnn/files"]).stdout == b""


def test_unknown_and_changed_host_keys_are_refused(
    make_pi: MakePi, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi = make_pi()
    known = pi.folder / "known_hosts"
    remembered = known.read_text()
    known.write_text("")
    scan = f"ssh-keyscan -p {pi.port} 127.0.0.1 >> {known}"
    with pytest.raises(DeviceError, match=r"not known \(ssh-ed25519 SHA256:") as unknown:
        connection_to(pi, monkeypatch).open()
    assert f"'{scan}'" in str(unknown.value)
    known.write_text(remembered)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], capture_output=True, check=True)
    connection_to(pi, monkeypatch).open()  # hashed names are known, too
    pi.change_host_key()
    with pytest.raises(DeviceError, match="has changed") as changed:
        connection_to(pi, monkeypatch).open()
    advice = f"ssh-keygen -R '[127.0.0.1]:{pi.port}' -f {known}; {scan}"
    assert f"'{advice}'" in str(changed.value)
    subprocess.run(advice, shell=True, check=True, capture_output=True)
    connection_to(pi, monkeypatch).open()


def test_no_known_hosts_file_is_not_every_host(
    pi64: EmulatedPi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    use(monkeypatch, config)
    for known in ("none", "/dev/null", "/nowhere"):
        config.write_text(NO_KEYS.format(known=known))
        with pytest.raises(DeviceError, match="not known"):
            SshConnection(direct(pi64), "kitchen").open()


def test_passwords_are_asked_for_and_only_where_they_can_be(
    pi64: EmulatedPi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(NO_KEYS.format(known=pi64.folder / "known_hosts"))
    use(monkeypatch, config)
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return pi64.password if len(asked) == 2 else "wrong"

    with SshConnection(direct(pi64), "kitchen", ask) as connection:
        assert connection.run(["whoami"]).stdout == b"pi\n"
        connection.close()
        connection.open()  # not asked again
    question = f"Password for pi@127.0.0.1:{pi64.port}: "
    assert asked == [question, f"Not accepted, try again. {question}"]
    advice = f"ssh-keygen -t ed25519.*ssh-copy-id -p {pi64.port} pi@"
    with pytest.raises(DeviceError, match=f"no key to show it and no such password; .*{advice}"):
        SshConnection(direct(pi64), "kitchen", lambda question: "wrong").open()
    with pytest.raises(DeviceError, match=f"permission denied: .* no key to show it; .*{advice}"):
        SshConnection(direct(pi64), "kitchen").open()


def test_the_first_host_key_of_a_new_user(
    pi64: EmulatedPi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    use(monkeypatch, Path("/dev/null"))
    with pytest.raises(DeviceError, match="its host key is not known") as unknown:
        SshConnection(direct(pi64), "kitchen").open()
    advice = str(unknown.value).split("'")[-2]
    subprocess.run(advice, shell=True, check=True, capture_output=True)
    assert (tmp_path / ".ssh").stat().st_mode & 0o777 == 0o700
    with pytest.raises(DeviceError, match="no key to show it"):
        SshConnection(direct(pi64), "kitchen").open()


def test_a_key_that_is_not_there_is_skipped(
    pi64: EmulatedPi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config, usual = tmp_path / "config", (pi64.folder / "ssh_config").read_text()
    config.write_text(usual + '    IdentityFile "/nowhere/id_rsa"\n')
    use(monkeypatch, config)
    with SshConnection(SshAddress(pi64.name), "kitchen") as connection:
        assert connection.run(["whoami"]).stdout == b"pi\n"
    with pytest.raises(DeviceError, match="'/nowhere/id': No such file"):
        SshConnection(SshAddress(pi64.name, identity="/nowhere/id"), "kitchen").open()


def test_who_is_not_there_is_said(make_pi: MakePi, monkeypatch: pytest.MonkeyPatch) -> None:
    pi = make_pi()
    connection = connection_to(pi, monkeypatch)
    pi.stop_server()
    with pytest.raises(DeviceError, match=r"refuses the connection.*raspi-config"):
        connection.open()
    with pytest.raises(DeviceError, match=r"kitchen \(none.invalid\): no machine of the name"):
        SshConnection(SshAddress("none.invalid"), "kitchen").open()
    with pytest.raises(InputError, match=r"unknown device 'toaster'.* desktop, pi"):
        SshConnection(SshAddress("toaster"), "toaster").open()
    pi.start_server()
    pi.stop()
    monkeypatch.setattr(login, "CONNECT_TIMEOUT_S", 1.0)
    with pytest.raises(DeviceError, match="no answer within 1 s"):
        connection.open()


def test_a_device_that_stops_answering_is_noticed(
    make_pi: MakePi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert login.KEEPALIVE_S * (login.KEEPALIVES_MISSED + 1) <= 30
    monkeypatch.setattr(login, "KEEPALIVE_S", 0.5)
    pi = make_pi()
    with connection_to(pi, monkeypatch) as connection:
        transport = connection.start(["cat"], "echoing")
        pi.stop()
        begin = time.monotonic()
        with pytest.raises(ConnectionLostError, match="kitchen: the connection was lost"):
            transport.receive()
        assert time.monotonic() - begin < 15


def test_a_connection_that_is_cut_is_told_from_a_process_that_died(
    make_pi: MakePi, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi = make_pi()
    with connection_to(pi, monkeypatch) as connection:
        died = connection.start(["sh", "-c", "kill -SEGV $$"], "running 'a.tflite'")
        with pytest.raises(ChildCrashedError, match=r"on kitchen: its process crashed \(SIGSEGV\)"):
            died.receive()
        cut = connection.start(["cat"], "running 'a.tflite'")
        cut.send_frame(Frame({"kind": "Echo"}, bytes(5000)))
        assert cut.receive_frame() == Frame({"kind": "Echo"}, bytes(5000))
        pi.kill_connections()
        with pytest.raises(ConnectionLostError):
            cut.receive()
        with pytest.raises(ConnectionLostError):
            cut.send_frame(Frame({"kind": "Echo"}))
        with pytest.raises(ConnectionLostError):
            connection.run(["true"])


def test_a_board_behind_another_is_reached(
    pi64: EmulatedPi, make_pi: MakePi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hidden, config = make_pi(), tmp_path / "config"
    inner = (hidden.folder / "ssh_config").read_text().replace("Host raspberrypi", "Host hidden")
    config.write_text(
        f"{inner}\n    ProxyJump raspberrypi\n" + (pi64.folder / "ssh_config").read_text()
    )
    use(monkeypatch, config)
    with SshConnection(SshAddress("hidden"), "kitchen") as connection:
        seen = connection.run(["sh", "-c", "echo $SSH_CONNECTION"]).stdout.split()
        assert int(seen[3]) == hidden.port
