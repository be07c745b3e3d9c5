"""``edgecnn devices``: the machines that ``bench --device`` knows by name."""

from __future__ import annotations

import click

from edgecnn.cli.lazy_group import LazyGroup
from edgecnn.cli.options import json_option
from edgecnn.cli.output import say, say_json, warn

SETUP_COMMANDS: dict[str, tuple[str, str]] = {
    "setup": ("edgecnn.cli.device_setup:setup_command", "Prepare a device to run models."),
    "check": ("edgecnn.cli.device_setup:check_command", "Say whether a device is ready."),
}
"""Commands of this group that stand in a module of their own -> (module:attribute, help)."""


@click.group("devices", cls=LazyGroup, lazy_commands=SETUP_COMMANDS)
def devices_command() -> None:
    """Name the machines that models are measured on.

    'pi' is there from the start: pi@raspberrypi.local. What is in ~/.ssh/config (or the file that
    EDGECNN_SSH_CONFIG names), the SSH agent and known_hosts count.

    \b
    Example:
      edgecnn devices add kitchen pi@192.168.1.20
      edgecnn devices setup kitchen
    """


@devices_command.command("list")
@json_option(help="Print a JSON array.")
def list_command(as_json: bool) -> None:
    """List the devices.

    \b
    Example:
      edgecnn devices list
    """
    from edgecnn.devices.inventory import BUILT_IN_DEVICES, Inventory, all_fields_of

    inventory = Inventory()
    devices, added = inventory.devices(), inventory.added_devices()
    if as_json:
        entries = [{"name": name, **all_fields_of(address)} for name, address in devices.items()]
        say_json(entries)
        return
    say("desktop  this machine")
    for name, address in devices.items():
        fields = {key: getattr(address, key, None) for key in ("identity", "python")}
        extras = [f"{key}: {value}" for key, value in fields.items() if value]
        extras += ["from the start"] if name in BUILT_IN_DEVICES and name not in added else []
        say(f"{name}  {address}" + (f"  ({', '.join(extras)})" if extras else ""))
    warn(f"They are kept in {inventory.path}")


@devices_command.command("add")
@click.argument("name")
@click.argument("address", metavar="[USER@]HOST[:PORT]")
@click.option("--port", type=int, help="Port of its SSH server.  [default: 22]")
@click.option("--identity", metavar="FILE", help="Private key to log in with.")
@click.option("--python", metavar="PATH", help="Python there that has a TFLite runtime.")
def add_command(
    name: str, address: str, port: int | None, identity: str | None, python: str | None
) -> None:
    """Give a machine a name, or a new address to a name.

    \b
    Example:
      edgecnn devices add kitchen pi@192.168.1.20
      edgecnn devices add lab pi@10.0.0.7 --port 2222 --identity ~/.ssh/lab
    """
    from edgecnn.devices.inventory import Inventory
    from edgecnn.devices.transports import parse_address, with_options

    options = {"port": port, "identity": identity, "python": python}
    complete = with_options(parse_address(address), options)
    Inventory().add(name, complete)
    say(f"{name} is {complete}: try 'edgecnn devices check {name}'")


@devices_command.command("remove")
@click.argument("name")
def remove_command(name: str) -> None:
    """Forget a name; nothing changes on the device.

    \b
    Example:
      edgecnn devices remove kitchen
    """
    from edgecnn.devices.inventory import Inventory

    Inventory().remove(name)
    say(f"{name} is removed")
