"""Servers that are slow, chatty or none at all, and names that a shell must never see unquoted."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgecnn import bench
from edgecnn.core.errors import DeviceError, EdgecnnError
from edgecnn.devices.inventory import Inventory
from edgecnn.devices.setup.readiness import check
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.connection import SshConnection

from .board import EmulatedPi
from .conftest import MakePi
from .wire import Wire

PYTHON = "/usr/bin/python3"
QUICK: dict[str, Any] = {"runs": 3, "min_time_s": 0.0, "warmup": 0}


def use(pi: EmulatedPi, monkeypatch: pytest.MonkeyPatch) -> SshConnection:
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(pi.folder / "ssh_config"))
    return SshConnection(SshAddress(pi.name), "kitchen")


@contextmanager
def answering(words: bytes, stay: bool) -> Iterator[int]:
    """Listen on a port, and say a few words to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                client.sendall(words)
                taken.append(client)
                if not stay:
                    client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for client in taken:
            client.close()


@pytest.mark.parametrize(
    ("words", "stay", "said"),
    [
        (b"", True, "no answer within 1 s: is it switched on"),
        (b"SSH-2.0-slow\r\n", True, "no answer within 1 s: is it switched on"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9, True, "no answer within 1 s"),
        (b"", False, "cannot connect: "),
        (b"SSH-1.0-old\r\n", False, "cannot connect: "),
        (b"\0" * 70_000, True, "cannot connect: "),
    ],
    ids=["silent", "half", "HTTP", "gone", "SSH 1", "binary"],
)
def test_what_is_no_ssh_server_is_a_line(
    words: bytes, stay: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecnn.devices.ssh.login.CONNECT_TIMEOUT_S", 1.0)
    with answering(words, stay) as port, pytest.raises(DeviceError) as refused:
        SshConnection(SshAddress("127.0.0.1", port=port), "kitchen").open()
    text = str(refused.value)
    assert text.startswith(f"kitchen (127.0.0.1:{port}): {said}")
    assert text.isprintable()


def test_an_address_of_ipv6(
    quick_pi: EmulatedPi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    key = quick_pi.path("/etc/ssh/host_key.pub").read_text()
    (tmp_path / "config").write_text(f"UserKnownHostsFile {tmp_path / 'known'}\n")
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(tmp_path / "config"))
    with Wire(quick_pi.port, "::1") as wire:
        (tmp_path / "known").write_text(f"[::1]:{wire.port} {key}")
        address = SshAddress.parse(f"pi@[::1]:{wire.port}")
        key_file = str(quick_pi.folder / "id_ed25519")
        here = SshAddress(address.host, address.user, address.port, identity=key_file)
        with SshConnection(here, "kitchen") as connection:
            assert connection.run(["whoami"]).stdout == b"pi\n"
        (tmp_path / "known").write_text("")
        with pytest.raises(DeviceError, match=rf"ssh-keyscan -p {wire.port} ::1 >> "):
            SshConnection(here, str(address)).open()


def test_a_banner_is_no_answer(make_quick_pi: MakePi, monkeypatch: pytest.MonkeyPatch) -> None:
    pi = make_quick_pi()
    pi.write_file("/etc/banner", "\x1b[31mAuthorised use only\n" * 50)
    settings = pi.path("/etc/ssh/sshd_config").read_text()
    pi.write_file("/etc/ssh/sshd_config", settings + "\nBanner /etc/banner\n")
    pi.stop_server()
    pi.start_server()
    with use(pi, monkeypatch) as connection:
        assert connection.run(["whoami"]).stdout == b"pi\n"


def test_a_shell_that_talks_is_said(
    make_quick_pi: MakePi, monkeypatch: pytest.MonkeyPatch, colour_model: Any, tmp_path: Path
) -> None:
    pi = make_quick_pi(runtime=True)
    pi.write_file("/home/pi/.bashrc", "echo Welcome to the kitchen\n", owner=1000)
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))
    with use(pi, monkeypatch) as connection:
        assert check(connection).items[0].ok  # of commands the last line counts
    Inventory().add("kitchen", SshAddress(pi.name, python=PYTHON))
    with pytest.raises(DeviceError, match=r"kitchen: .*its shell prints text .* ~/\.bashrc"):
        bench(colour_model(tmp_path / "a.tflite"), device="kitchen", **QUICK)


HOSTILE = (
    "$(touch pwned1) `touch pwned2` ;touch pwned3\n'touch pwned4' \"&|*~#\\ ü.tf$(touch pwned5)"
)


def test_names_reach_no_shell(
    quick_pi: EmulatedPi, monkeypatch: pytest.MonkeyPatch, colour_model: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)
    use(quick_pi, monkeypatch)
    model = colour_model(tmp_path / HOSTILE)
    Inventory().add("kitchen", SshAddress(quick_pi.name, python=PYTHON))
    [record] = bench(model, device="kitchen", **QUICK)
    assert record.model == str(model)
    Inventory().add(
        "kitchen", SshAddress(quick_pi.name, python="$(touch pwned6) /x'; touch pwned7")
    )
    with pytest.raises(DeviceError, match="there is no Python at"):
        bench(model, device="kitchen", **QUICK)
    assert quick_pi.ssh("find / -name 'pwned*' 2> /dev/null").stdout == ""
    assert [path.name for path in tmp_path.rglob("pwned*")] == []


def test_users_of_the_configuration_reach_no_shell(
    quick_pi: EmulatedPi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (quick_pi.folder / "ssh_config").read_text()
    (tmp_path / "config").write_text(text.replace("User pi", 'User "$(touch pwned) a\'b"'))
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EdgecnnError, match=r"kitchen .*permission denied"):
        SshConnection(SshAddress(quick_pi.name), "kitchen").open()
    assert [path.name for path in tmp_path.rglob("pwned*")] == []
