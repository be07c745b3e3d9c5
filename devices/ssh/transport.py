"""SSH as a transport: its addresses, and how to connect."""

from __future__ import annotations

from edgecnn.devices.connection import Connection
from edgecnn.devices.device import AskPassword
from edgecnn.devices.ssh.address import SshAddress
from edgecnn.devices.transports import Transport


def connect_ssh(address: SshAddress, name: str, ask_password: AskPassword | None) -> Connection:
    """Return a connection that is not open yet; asyncssh is imported only when it opens."""
    from edgecnn.devices.ssh.connection import SshConnection

    return SshConnection(address, name, ask_password)


TRANSPORT = Transport(address=SshAddress, parse=SshAddress.parse, connect=connect_ssh)
