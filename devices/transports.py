"""The transports: the ways to reach a device, one line each.

To add a transport, add a module and its line in :data:`TRANSPORTS`. The module has an object
``TRANSPORT`` of the class :class:`Transport`; tests/devices/local_transport.py is a small example.
What is done over a connection (lock, uploads, reconnecting, runners, set-up) is the same for all.
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
"""The transport of an address without a scheme."""

SEPARATOR = "://"


@dataclass(frozen=True)
class Transport:
    """A way to reach a device.

    Args:
        address: Dataclass of the transport's addresses, an
            :class:`~edgecnn.devices.connection.Address`.
        parse: Given the text of an address without its scheme, returns the address; raises
            InputError for a text that is no address.
        connect: Given an address, what messages call the device, and how to ask for a password,
            returns a connection that is not open yet.
    """

    address: type[Any]
    parse: Callable[[str], Address]
    connect: Callable[[Any, str, AskPassword | None], Connection]


def transport_of(scheme: str) -> Transport:
    """Return the transport of a scheme; its module is imported at this call.

    Raises:
        InputError: No transport has that name.
    """
    if scheme not in TRANSPORTS:
        names = ", ".join(TRANSPORTS)
        raise InputError(f"{scheme!r} is no way to reach a device: there is {names}")
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
    """Return the address that fields of a settings file stand for.

    Args:
        values: Fields of the address; ``transport`` names a transport other than SSH.
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
    """Return an address with the fields that a command's options add to it.

    Args:
        address: Address as the user wrote it, which may have some of the fields itself.
        options: Values by the names of the address' fields; None for an option that is not given.

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
        present = getattr(address, key)
        if present not in (None, value):
            raise InputError(f"two {key}s are given, {present} and {value}: choose one")
    changed: Address = dataclasses.replace(address, **given)  # type: ignore[type-var]
    return changed


def connect(address: Address, name: str, ask_password: AskPassword | None = None) -> Connection:
    """Return a connection to a device, to be used with ``with``.

    Args:
        address: Address of the device.
        name: What messages call the device.
        ask_password: Given a question, returns a password; None where nobody can be asked.
    """
    return transport_of(address.scheme).connect(address, name, ask_password)
