"""Logging in to a device, and one clear line for every way in which that fails."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import socket
from pathlib import Path
from typing import Any

import asyncssh

from edgecnn.devices.address import Address
from edgecnn.errors import DeviceError, EdgecnnError, InputError

CONFIG_VARIABLE = "EDGECNN_SSH_CONFIG"
"""Names an SSH configuration to read instead of ``~/.ssh/config``."""

CONNECT_TIMEOUT_S = 20.0
KEEPALIVE_S = 5.0
KEEPALIVES_MISSED = 4
"""A device that answers none of so many is taken for gone: 20 to 25 s."""

SSH_PORT = 22
KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts")

# Python prints warnings of libraries that nobody listens to; ours are errors, one line each.
logging.getLogger("asyncssh").addHandler(logging.NullHandler())


class PasswordWanted(DeviceError):
    """No key was taken, and the device would take a password."""


class _Client(asyncssh.SSHClient):
    """Notes what the server said, for the message."""

    def __init__(self) -> None:
        self.password_wanted = False
        self.offered: tuple[str, str, int, asyncssh.SSHKey] | None = None

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Refuse, but remember, a key that is not in known_hosts."""
        self.offered = (host, addr, port, key)
        return False

    def password_auth_requested(self) -> None:
        """Give no password: it is asked for outside of the connection."""
        self.password_wanted = True

    def kbdint_auth_requested(self) -> None:
        """Give no answers either."""
        self.password_wanted = True


async def log_in(address: Address, name: str, password: str | None) -> asyncssh.SSHClientConnection:
    """Connect as ``~/.ssh/config``, the agent and known_hosts say.

    Args:
        address: Where to.
        name: What messages call the device.
        password: To try after the keys; None if none was asked for.

    Raises:
        PasswordWanted: A password would help, or another one.
        InputError: It is no name of ours, nor one on the network.
        DeviceError: Anything else, in one line.
    """
    clients: list[_Client] = []

    def make_client() -> _Client:
        clients.append(_Client())
        return clients[-1]

    known = _KnownHosts()
    try:
        options = _without_missing_keys(_options(address, password), address)
        known.read(asyncssh.SSHClientConnectionOptions(host=address.host, **options).known_hosts)
        return await asyncssh.connect(
            address.host, known_hosts=known.content, client_factory=make_client, **options
        )
    except (OSError, asyncssh.Error, ValueError, TimeoutError, asyncio.TimeoutError) as error:
        client = clients[-1] if clients else _Client()
        raise _explained(error, address, name, client, known) from error


def _options(address: Address, password: str | None) -> dict[str, Any]:
    config = os.environ.get(CONFIG_VARIABLE)
    given = {
        "port": address.port,
        "username": address.user,
        "client_keys": [str(Path(address.identity).expanduser())] if address.identity else None,
        "config": [config] if config else None,
        "password": password,
    }
    return {
        **{key: value for key, value in given.items() if value is not None},
        "connect_timeout": CONNECT_TIMEOUT_S,
        "login_timeout": CONNECT_TIMEOUT_S,
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVES_MISSED,
        # Models hardly shrink, and tensors are compressed before they come here.
        "compression_algs": None,
    }


def _without_missing_keys(options: dict[str, Any], address: Address) -> dict[str, Any]:
    """Skip private keys that the configuration names and that are not there, as ``ssh`` does."""
    if address.identity:
        return options
    # With no key at all the configuration is read without opening any.
    read = asyncssh.SSHClientConnectionOptions(
        host=address.host, **{**options, "client_keys": None}
    )
    configured: Any = read.config.get("IdentityFile", ())
    named = [str(name) for name in configured]
    there = [name for name in named if Path(name).expanduser().is_file()]
    if len(there) == len(named):
        return options
    return {**options, "client_keys": there, "ignore_encrypted": True}


class _KnownHosts:
    """The known_hosts files that there are, read as one.

    Other than asyncssh itself, this takes a missing file for an empty one, and ``none`` in the
    configuration for no known host, rather than for every host.
    """

    def __init__(self) -> None:
        self.files = [Path(name).expanduser() for name in KNOWN_HOSTS]
        self.content = b"\n"

    def read(self, configured: Any) -> None:
        """Read the files of the configuration, or the usual ones."""
        if configured is None or configured:
            self.files = [Path(name) for name in configured or ()]
        texts = [path.read_bytes() for path in self.files if path.is_file()]
        self.content = b"\n".join([*texts, b"\n"])

    @property
    def file(self) -> str:
        """The one to add to, quoted for a shell."""
        if not self.files or self.files[0] == Path(KNOWN_HOSTS[0]).expanduser():
            return KNOWN_HOSTS[0]
        return shlex.quote(str(self.files[0]))

    def knows(self, host: str, addr: str, port: int) -> bool:
        """Say whether there is any key for a host."""
        nonstandard = None if port == SSH_PORT else port
        matched = asyncssh.match_known_hosts(self.content, host, addr, nonstandard)
        return bool(matched[0])


def _explained(
    error: Exception, address: Address, name: str, client: _Client, known: _KnownHosts
) -> EdgecnnError:
    """Turn what went wrong into a line that says what to do."""
    where = f"{name} ({address})" if name != str(address) else name
    if isinstance(error, socket.gaierror) and name == address.host:
        from edgecnn.devices.inventory import Inventory

        names = ", ".join(["desktop", *Inventory().all()])
        return InputError(
            f"unknown device {name!r}: it is none of {names}, and no machine of that name is found"
        )
    if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.KeyExchangeFailed):
        return DeviceError(f"{where}: {_host_key_advice(error, client, known)}")
    if isinstance(error, asyncssh.PermissionDenied):
        kind = PasswordWanted if client.password_wanted else DeviceError
        return kind(
            f"{where}: permission denied: it takes none of your keys"
            + (" and no such password" if client.password_wanted else "")
            + f"; copy one there with 'ssh-copy-id {_ssh_target(address)}', unlock it with "
            "'ssh-add', or name another with --identity in 'edgecnn devices add'"
        )
    return DeviceError(f"{where}: {_network_advice(error, address)}")


def _network_advice(error: Exception, address: Address) -> str:
    if isinstance(error, socket.gaierror):
        return (
            f"no machine of the name {address.host!r} is found: is it switched on and on this "
            "network? 'edgecnn devices list' shows the names that you gave"
        )
    if isinstance(error, ConnectionRefusedError):
        return (
            "it refuses the connection: switch SSH on there (sudo raspi-config, Interface "
            "Options, SSH), or name another port with host:port"
        )
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT_S:.0f} s: is it switched on and not hanging?"
    if isinstance(error, FileNotFoundError | PermissionError) and error.filename:
        return f"cannot read {str(error.filename)!r}: {error.strerror}"
    if isinstance(error, asyncssh.ConfigParseError):
        return f"the SSH configuration cannot be read: {error}"
    if isinstance(error, asyncssh.KeyImportError | asyncssh.KeyEncryptionError):
        return f"a private key cannot be used: {error}; unlock it with 'ssh-add'"
    return f"cannot connect: {error or type(error).__name__}"


def _host_key_advice(error: Exception, client: _Client, known: _KnownHosts) -> str:
    if client.offered is None:
        return (
            f"its host key cannot be verified ({error}): connect once with 'ssh', which says more"
        )
    host, addr, port, key = client.offered
    fingerprint = f"{key.get_algorithm()} {key.get_fingerprint()}"
    scan = f"ssh-keyscan {'' if port == SSH_PORT else f'-p {port} '}{host} >> {known.file}"
    if not known.knows(host, addr, port):
        return (
            f"its host key is not known ({fingerprint}): compare it with 'ssh-keygen -lf "
            f"/etc/ssh/ssh_host_ed25519_key.pub' there, then run '{scan}'"
        )
    entry = host if port == SSH_PORT else f"[{host}]:{port}"
    return (
        f"its host key has changed ({fingerprint}): it is a new system, or another machine that "
        f"answers in its place; if you know why, run 'ssh-keygen -R {shlex.quote(entry)} -f "
        f"{known.file}; {scan}'"
    )


def _ssh_target(address: Address) -> str:
    target = f"{address.user}@{address.host}" if address.user else address.host
    return f"-p {address.port} {target}" if address.port else target
