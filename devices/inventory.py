"""The inventory: a file in the user's settings with the names and addresses of devices."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError, shown_value
from edgecnn.core.files import make_folder, quoted, replacing
from edgecnn.core.input_files import open_input
from edgecnn.core.toml_text import toml_tables
from edgecnn.devices.connection import Address
from edgecnn.devices.device import DESKTOP, PI
from edgecnn.devices.transports import DEFAULT_TRANSPORT, address_from, parse_address

CONFIG_VARIABLE = "EDGECNN_CONFIG"
"""Environment variable with a folder for edgecnn's settings, instead of the system's usual one."""

BUILT_IN_DEVICES: Mapping[str, str] = {PI: "pi@raspberrypi.local"}
"""Addresses that the inventory has from the start: a Raspberry Pi as it answers when it is new."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
TABLE = re.compile(r"""\[\s*["']?([^]"']+?)["']?\s*\]\s*(?:#.*)?""")
MOST_INVENTORY_BYTES = 1 << 20
"""Bytes of the file at most: ten thousand devices."""

HEAD = """\
# Devices for 'edgecnn bench --device NAME'. 'edgecnn devices add' and 'remove' change this file;
# you may, too. A device is a table of its name:
#
#   [kitchen]
#   host = "192.168.1.20"            # or a name, also one from ~/.ssh/config
#   user = "pi"                      # this and the rest may be left out
#   port = 22
#   identity = "~/.ssh/id_ed25519"   # private key; passwords are asked for and never kept
#   python = "/usr/bin/python3"      # one with a runtime, not that of 'devices setup'
"""


class Inventory:
    """The file of devices; it is read at each call, and written whole or not at all.

    Args:
        path: Path of the file; None for ``devices.toml`` in the user's settings.

    Example:
        >>> Inventory().add("kitchen", parse_address("pi@192.168.1.20"))
        >>> str(Inventory().find("kitchen"))
        'pi@192.168.1.20'
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_folder() / "devices.toml"

    def devices(self) -> dict[str, Address]:
        """Return the address of every device by its name, the built-in ones among them."""
        built_in = {name: parse_address(text) for name, text in BUILT_IN_DEVICES.items()}
        return {**built_in, **self.added_devices()}

    def added_devices(self) -> dict[str, Address]:
        """Return the addresses of the devices that the user added, by name.

        Raises:
            InputError: The file cannot be read, or says something that is no device.
        """
        return self._devices_in(self._text())

    def find(self, name: str) -> Address | None:
        """Return the address of a device; None where no device has that name."""
        return self.devices().get(name)

    def add(self, name: str, address: Address) -> None:
        """Add a device, or replace it; comments in the file stay.

        Raises:
            InputError: No device can be called so, or the file cannot be written.
        """
        check_name(name)
        added = self.added_devices()  # A file with a mistake in it must not be changed.
        # A string as JSON writes it is a string of TOML, too, if only what must be is escaped.
        lines = [
            f"{key} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in all_fields_of(address).items()
            if value is not None
        ]
        others = self._without(name).rstrip("\n")
        text = "\n".join([others, "", f"[{name}]", *lines, ""])
        self._write(text, {**added, name: address})

    def remove(self, name: str) -> None:
        """Remove a device.

        Raises:
            InputError: The file has no device of that name.
        """
        added = self.added_devices()
        if name not in added:
            names = ", ".join(added) or "none"
            raise InputError(f"no device {name!r} was added; those that were: {names}")
        del added[name]
        self._write(self._without(name), added)

    def _devices_in(self, text: str) -> dict[str, Address]:
        try:
            tables = toml_tables(text)
        except ValueError as error:
            raise InputError(f"{quoted(self.path)} is no TOML: {error}") from error
        return {name: self._address(name, table) for name, table in tables.items()}

    def _text(self) -> str:
        try:
            with open_input(self.path) as file:
                content = file.read(MOST_INVENTORY_BYTES + 1)
        except FileNotFoundError:
            return HEAD
        except OSError as error:
            raise InputError(f"cannot read {quoted(self.path)}: {error.strerror}") from error
        if len(content) > MOST_INVENTORY_BYTES:
            raise InputError(f"{quoted(self.path)} is too large for a file of devices")
        try:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise InputError(f"{quoted(self.path)} is not UTF-8 in line {line}") from error

    def _without(self, name: str) -> str:
        """Return the file's text without a device's table."""
        kept, inside = [], False
        for line in self._text().splitlines():
            if header := TABLE.fullmatch(line.strip()):
                inside = header[1] == name
            if not inside:
                kept.append(line)
        return "\n".join(kept).rstrip("\n") + "\n"

    def _write(self, text: str, wanted: Mapping[str, Address]) -> None:
        """Write a text that has the wanted devices."""
        if not self._has(text, wanted):
            raise InputError(
                f"{quoted(self.path)} has a device in another form than a [table] of its own: "
                "change it by hand"
            )
        make_folder(self.path.parent, parents=True)
        with replacing(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def _has(self, text: str, wanted: Mapping[str, Address]) -> bool:
        # Lines tell where a table is, but not the rare ones: "a.host = ..." or "a = {host = ...}".
        try:
            return self._devices_in(text) == wanted
        except InputError:
            return False

    def _address(self, name: str, table: Any) -> Address:
        place = f"{quoted(self.path)}, device {shown_value(name)}"
        if not isinstance(table, dict):
            raise InputError(f"{place}: it needs a table that says where the device is")
        try:
            check_name(name)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
        return address_from(table, place)


def address_of(name: str) -> Address:
    """Return the address of a device.

    Args:
        name: Name of the device in the inventory, or its address.

    Raises:
        InputError: The text is neither a name of the inventory nor an address.

    Example:
        >>> str(address_of("pi@10.0.0.7"))
        'pi@10.0.0.7'
    """
    return Inventory().find(name) or parse_address(name)


def all_fields_of(address: Address) -> dict[str, Any]:
    """Return the fields of an address as plain values, None for those that it leaves open."""
    named = {} if address.scheme == DEFAULT_TRANSPORT else {"transport": address.scheme}
    return {**named, **asdict(address)}  # type: ignore[call-overload]


def check_name(name: str) -> None:
    """Raise InputError for a text that cannot be the name of a device in the inventory."""
    if name == DESKTOP:
        raise InputError(f"{name!r} is the machine itself: choose another name")
    if not NAME.fullmatch(name):
        raise InputError(
            f"{shown_value(name)} cannot be a device's name: letters, digits, '-' and '_', as in "
            "pi-4"
        )


def config_folder() -> Path:
    """Return the folder of edgecnn's settings, as ``EDGECNN_CONFIG`` or the system says."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_config_dir("edgecnn", appauthor=False))
