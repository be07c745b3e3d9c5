"""Why a login failed, as one line that says what to do."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncssh

from edgecnn.core.errors import DeviceError, EdgecnnError, InputError, first_line
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.ssh.credentials import SecretWantedError
from edgecnn.devices.ssh.keys import Keys
from edgecnn.devices.ssh.known_hosts import SSH_PORT, KnownHosts

SSH_CONFIG_VARIABLE = "EDGECNN_SSH_CONFIG"
"""Names an SSH configuration to read instead of ``~/.ssh/config``."""

TOO_MANY = "too many authentication failures"


@dataclass(frozen=True)
class Server:
    """A server that is logged in to: the device, or a jump host on the way to it.

    Args:
        device: What the user calls the device.
        address: Address of this server.
        before: The jump hosts on the way to it.
        is_jump: Whether the server is itself a jump host.
    """

    device: str
    address: SshAddress
    before: Sequence[SshAddress] = ()
    is_jump: bool = False

    @property
    def label(self) -> str:
        """What messages call the server."""
        if self.is_jump:
            return f"{self.device}: its jump host {self.address}"
        named = self.device == str(self.address)
        return self.device if named else f"{self.device} ({self.address})"

    @property
    def question(self) -> str:
        """What to ask the user for the server's password."""
        return f"Password for {self.address}: "

    @property
    def ssh_arguments(self) -> str:
        """What to give ``ssh`` to reach the server, quoted for a shell."""
        address = self.address
        host = f"{address.user}@{address.host}" if address.user else address.host
        return f"-p {address.port} {shlex.quote(host)}" if address.port else shlex.quote(host)


@dataclass
class Refusal:
    """What is known of a login that fails.

    Attributes:
        server: The server that is logged in to.
        known: The trusted host keys, once they are read.
        keys: The user's own keys, once they are found.
        password_wanted: Whether the server would take a password.
        password_given: Whether the server got a password.
        offered: Name, address, port and host key of a server that is not trusted.
    """

    server: Server
    known: KnownHosts | None = None
    keys: Keys | None = None
    password_wanted: bool = False
    password_given: bool = False
    offered: tuple[str, str, int, asyncssh.SSHKey] | None = field(default=None)

    def explained(self, error: Exception) -> EdgecnnError:
        """Turn what went wrong into one of edgecnn's errors."""
        server, label = self.server, self.server.label
        if isinstance(error, socket.gaierror) and server.device == server.address.host:
            return _unknown_device(server.device)
        if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.KeyExchangeFailed):
            return DeviceError(f"{label}: {self._host_key_advice(error)}")
        if isinstance(error, asyncssh.PermissionDenied):
            text = f"{label}: {self._permission_advice()}"
            if self.password_wanted:
                return SecretWantedError(text, server.question)
            return DeviceError(text)
        if isinstance(error, asyncssh.KeyImportError | asyncssh.KeyEncryptionError):
            return DeviceError(f"{label}: a private key cannot be used: {first_line(error)}")
        return DeviceError(f"{label}: {self._network_advice(error)}")

    def _permission_advice(self) -> str:
        shown, unused = (self.keys.pairs, self.keys.unused) if self.keys else ([], [])
        there = f"there with 'ssh-copy-id {self.server.ssh_arguments}'"
        name = "IdentityFile in the SSH configuration"
        if not self.server.is_jump:
            name = "--identity in 'edgecnn devices add'"
        text = "permission denied: it takes none of your keys"
        advice = f"copy one {there}, unlock it with 'ssh-add', or name another with {name}"
        if not shown and not unused:
            text = "permission denied: you have no key to show it"
            make = "make one with 'ssh-keygen -t ed25519'"
            advice = f"{make} and copy it {there}, or name one that you have with {name}"
        text += " and no such password" if self.password_given else ""
        return "; ".join([text, *unused, advice])

    def _network_advice(self, error: Exception) -> str:
        address, jump = self.server.address, self.server.is_jump
        if isinstance(error, asyncssh.ChannelOpenError) and self.server.before:
            return (
                f"its jump host {self.server.before[-1]} does not reach it ({error.reason}): is "
                "it switched on, and SSH there?"
            )
        if isinstance(error, socket.gaierror):
            return (
                f"no machine of the name {address.host!r} is found: is it switched on and on this "
                "network? 'edgecnn devices list' shows the names that you gave"
            )
        if isinstance(error, ConnectionRefusedError):
            where = "" if jump else " (sudo raspi-config, Interface Options, SSH)"
            return (
                f"it refuses the connection: switch SSH on there{where}, or name another port "
                "with host:port"
            )
        if isinstance(error, TimeoutError | asyncio.TimeoutError):
            from edgecnn.devices.ssh.login import CONNECT_TIMEOUT_S

            return f"no answer within {CONNECT_TIMEOUT_S:.0f} s: is it switched on and not hanging?"
        if isinstance(error, OSError) and error.filename:
            return f"cannot read {str(error.filename)!r}: {error.strerror}"
        if isinstance(error, asyncssh.ConfigParseError):
            return f"the SSH configuration cannot be read: {error}"
        if TOO_MANY in str(error).lower():
            return (
                "it was shown too many keys and hung up: name the right one with IdentityFile in "
                "the SSH configuration, or with --identity in 'edgecnn devices add'"
            )
        return f"cannot connect: {first_line(error)}"

    def _host_key_advice(self, error: Exception) -> str:
        if self.offered is None or self.known is None:
            return (
                f"its host key cannot be verified ({error}): connect once with 'ssh', which says "
                "more"
            )
        host, addr, port, key = self.offered
        fingerprint = f"{key.get_algorithm()} {key.get_fingerprint()}"
        scan = self._scan(host, port)
        if not self.known.knows(host, addr, port):
            return (
                f"its host key is not known ({fingerprint}): compare it with 'ssh-keygen -lf "
                f"/etc/ssh/ssh_host_ed25519_key.pub' there, then run '{scan}'"
            )
        entry = host if port == SSH_PORT else f"[{host}]:{port}"
        return (
            f"its host key has changed ({fingerprint}): it is a new system, or another machine "
            f"that answers in its place; if you know why, run 'ssh-keygen -R {shlex.quote(entry)} "
            f"-f {self.known.file}; {scan}'"
        )

    def _scan(self, host: str, port: int) -> str:
        """Return the command that adds a host key, asked for from where the server is reached."""
        assert self.known is not None
        scan = f"ssh-keyscan {'' if port == SSH_PORT else f'-p {port} '}{shlex.quote(host)}"
        if self.server.before:
            jump = Server(self.server.device, self.server.before[-1]).ssh_arguments
            config = os.environ.get(SSH_CONFIG_VARIABLE)
            scan = f"ssh {f'-F {shlex.quote(config)} ' if config else ''}{jump} {scan}"
        return f"{self.known.command_for_folder}{scan} >> {self.known.file}"


def _unknown_device(name: str) -> InputError:
    from edgecnn.devices.inventory import Inventory

    names = ", ".join(["desktop", *Inventory().all()])
    return InputError(
        f"unknown device {name!r}: it is none of {names}, and no machine of that name is found"
    )
