"""Logging in to a device, by way of jump hosts where the SSH configuration says so."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import asyncssh

from edgecnn.core.errors import InputError
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.credentials import Secrets
from edgecnn.devices.ssh.keys import Keys, Passphrases, find_keys
from edgecnn.devices.ssh.known_hosts import KnownHosts
from edgecnn.devices.ssh.login_errors import SSH_CONFIG_VARIABLE, Refusal, Server

CONNECT_TIMEOUT_S = 20.0
KEEPALIVE_S = 5.0
KEEPALIVES_MISSED = 4
"""A device that answers none of so many signs of life is taken for gone: after 20 to 25 s."""

MAX_JUMPS = 8

# Python prints a library's warnings that nobody listens to; edgecnn's errors say what is wrong.
logging.getLogger("asyncssh").addHandler(logging.NullHandler())


class _Client(asyncssh.SSHClient):
    """Notes what the server said, for the message of a login that fails."""

    def __init__(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Refuse, but remember, a key that is not in known_hosts."""
        self._refusal.offered = (host, addr, port, key)
        return False

    def password_auth_requested(self) -> None:
        """Give no password: it is asked for outside of the connection."""
        self._refusal.password_wanted = True

    def kbdint_auth_requested(self) -> None:
        """Give no answers: they too are asked for outside of the connection."""
        self._refusal.password_wanted = True


async def log_in(
    address: SshAddress, name: str, secrets: Secrets
) -> list[asyncssh.SSHClientConnection]:
    """Connect as ``~/.ssh/config``, the agent and known_hosts say.

    Args:
        address: Address of the device.
        name: What messages call the device.
        secrets: Passwords and passphrases that the user gave; an empty one is not tried.

    Returns:
        The connections to the jump hosts, in order, and last that to the device.

    Raises:
        SecretWantedError: A password or passphrase would help, or another one.
        InputError: The address is no name of the inventory, nor one on the network.
        DeviceError: Anything else failed, in one line.
    """
    opened: list[asyncssh.SSHClientConnection] = []
    try:
        route = [*_jump_hosts(address, name), address]
        for number, stop in enumerate(route):
            server = Server(name, stop, route[:number], is_jump=stop is not address)
            opened.append(await _connect(server, secrets, opened[-1] if opened else None))
        return opened
    except BaseException:
        for connection in reversed(opened):
            connection.abort()
        raise


def _jump_hosts(address: SshAddress, name: str) -> list[SshAddress]:
    """Return the hosts on the way to an address, the first to be connected to first."""
    route: list[SshAddress] = []
    first = address
    while named := _configured(first, name).get("ProxyJump"):
        hops = [SshAddress.parse(one.strip().removeprefix("ssh://")) for one in named.split(",")]
        route = [*hops, *route]
        first = hops[0]
        if len(route) > MAX_JUMPS:
            raise InputError(
                f"{name}: the jump hosts of its SSH configuration lead over more than {MAX_JUMPS} "
                "hosts, or in a circle: correct its lines ProxyJump"
            )
    return route


def _configured(address: SshAddress, name: str) -> Any:
    """Return what the SSH configuration says for an address."""
    try:
        return asyncssh.SSHClientConnectionOptions(**_target(address), client_keys=None).config
    except (OSError, ValueError) as error:
        raise Refusal(Server(name, address)).explained(error) from error


def _target(address: SshAddress) -> dict[str, Any]:
    config = os.environ.get(SSH_CONFIG_VARIABLE)
    given = {
        "host": address.host,
        "port": address.port,
        "username": address.user,
        "config": [config] if config else None,
    }
    return {key: value for key, value in given.items() if value is not None}


async def _connect(
    server: Server, secrets: Secrets, tunnel: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    """Connect to one server, directly or through another."""
    refusal = Refusal(server, password_given=bool(secrets.get(server.question)))
    keys: Keys | None = None
    try:
        target = _target(server.address)
        read = asyncssh.SSHClientConnectionOptions(**target, client_keys=None)
        refusal.known = KnownHosts(read.known_hosts)
        passphrases = Passphrases(server.label, secrets)
        keys = await find_keys(server.address.identity, read.config, passphrases)
        refusal.keys = keys
        return await asyncssh.connect(
            **target,
            **_options(keys),
            known_hosts=refusal.known.content,
            client_factory=lambda: _Client(refusal),
            password=secrets.get(server.question) or None,
            tunnel=tunnel,
        )
    except (OSError, asyncssh.Error, ValueError, TimeoutError, asyncio.TimeoutError) as error:
        raise refusal.explained(error) from error
    finally:
        if keys is not None:
            keys.close()


def _options(keys: Keys) -> dict[str, Any]:
    return {
        # None where there is none: an empty list would stand for the usual files.
        "client_keys": keys.pairs or None,
        "agent_path": None,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "login_timeout": CONNECT_TIMEOUT_S,
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVES_MISSED,
        # Models hardly shrink, and tensors are compressed before they come here.
        "compression_algs": None,
        # Whatever the configuration says for work by hand: no terminal, and nothing handed on.
        "request_pty": False,
        "agent_forwarding": False,
        "x11_forwarding": False,
    }
