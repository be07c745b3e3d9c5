"""The transports: the ways to reach a device, one line each.

Another one is a file and a line in :data:`TRANSPORTS`. The file is a module with an object
``TRANSPORT`` of the class :class:`Transport`; tests/devices/local_transport.py is a small example.
What follows from a connection (lock, uploads, reconnecting, runners, set-up) is the same for all.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.messages import MessageError, build
from edgecnn.devices.connection import Address, Connection
from edgecnn.devices.device import AskPassword

TRANSPORTS = {
    "ssh": "edgecnn.devices.ssh.transport",
}
"""Scheme of each transport's addresses, and the module that implements it."""

DEFAULT_TRANSPORT = "ssh"
"""The transport of an address that names none."""

SEPARATOR = "://"


@dataclass(frozen=True)
class Transport:
    """A way to reach a device.

    Args:
        address: The dataclass of its addresses; see :class:`~edgecnn.devices.connection.Address`.
        parse: Reads an address, without its scheme; raises InputError for what is none.
        connect: Given an address, what messages call the device, and how to ask for a password,
            returns a connection that is not open yet.
    """

    address: type[Any]
    parse: Callable[[str], Address]
    connect: Callable[[Any, str, AskPassword | None], Connection]


def transport_of(scheme: str) -> Transport:
    """Return a transport, whose module is imported only now.

    Raises:
        InputError: No transport has that name.
    """
    if scheme not in TRANSPORTS:
        known = ", ".join(TRANSPORTS)
        raise InputError(f"{scheme!r} is no way to reach a device: there is {known}")
    transport = importlib.import_module(TRANSPORTS[scheme]).TRANSPORT
    assert isinstance(transport, Transport)
    return transport


def parse_address(text: str) -> Address:
    """Read an address as users write it.

    Args:
        text: ``[user@]host[:port]`` for SSH, or ``TRANSPORT://...``.

    Raises:
        InputError: The text is no address.

    Example:
        >>> str(parse_address("ssh://pi@raspberrypi.local"))
        'pi@raspberrypi.local'
    """
    scheme, separator, rest = text.partition(SEPARATOR)
    if not separator:
        scheme, rest = DEFAULT_TRANSPORT, text
    return transport_of(scheme).parse(rest)


def address_from(values: Mapping[str, Any], place: str) -> Address:
    """Make an address of its fields, as a settings file has them.

    Args:
        values: The fields of the transport's addresses; ``transport`` names one other than SSH.
        place: Name of the place that the values come from, for messages.

    Raises:
        InputError: No such transport exists, or a field is missing, unknown or not as it must be.
    """
    fields = dict(values)
    scheme = fields.pop("transport", DEFAULT_TRANSPORT)
    try:
        address: Address = build(transport_of(str(scheme)).address, fields, place)
    except MessageError as error:
        raise InputError(str(error)) from error
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    return address


def with_options(address: Address, options: Mapping[str, Any]) -> Address:
    """Return an address with what a command's options add to it.

    Args:
        address: The address.
        options: Values of its fields; None for what was not given.

    Raises:
        InputError: Addresses of this transport have no such field, or the address itself says
            something else.

    Example:
        >>> str(with_options(parse_address("pi@10.0.0.7"), {"port": 2222}))
        'pi@10.0.0.7:2222'
    """
    given = {key: value for key, value in options.items() if value is not None}
    for key, value in given.items():
        if not hasattr(address, key):
            raise InputError(f"--{key} is of no use with {address}")
        said = getattr(address, key)
        if said not in (None, value):
            raise InputError(f"two {key}s are given, {said} and {value}: choose one")
    changed: Address = dataclasses.replace(address, **given)  # type: ignore[type-var]
    return changed


def connect(address: Address, name: str, ask_password: AskPassword | None = None) -> Connection:
    """Return a connection to a device, to be used with ``with``.

    Args:
        address: Address of the device.
        name: What messages call it.
        ask_password: Given a question, returns a password; None where nobody can be asked.
    """
    return transport_of(address.scheme).connect(address, name, ask_password)
