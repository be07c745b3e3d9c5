"""``edgecnn devices``: the machines that ``bench --device`` knows by name."""

from __future__ import annotations

import importlib

import click

FURTHER: dict[str, tuple[str, str]] = {
    "setup": ("edgecnn.cli.device_setup:setup_command", "Prepare a device to run models."),
    "check": ("edgecnn.cli.device_setup:check_command", "Say whether a device is ready."),
}
"""Commands of this group that stand in files of their own -> (module:attribute, help)."""


class DevicesGroup(click.Group):
    """A click group that imports the commands of other files only when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names: those of this file, then the others."""
        return [*self.commands, *FURTHER]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command, imported if need be, or None if there is none of that name."""
        if name not in FURTHER:
            return super().get_command(context, name)
        module, attribute = FURTHER[name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        own = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*own, *((name, text) for name, (_, text) in FURTHER.items())])


@click.group("devices", cls=DevicesGroup)
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
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_command(as_json: bool) -> None:
    """List the devices.

    \b
    Example:
      edgecnn devices list
    """
    import json

    from edgecnn.devices.inventory import BUILT_IN_DEVICES, Inventory, all_fields_of

    inventory = Inventory()
    devices, own = inventory.all(), inventory.own()
    if as_json:
        entries = [{"name": name, **all_fields_of(address)} for name, address in devices.items()]
        click.echo(json.dumps(entries, indent=2))
        return
    click.echo("desktop  this machine")
    for name, address in devices.items():
        extras = [f"{key}: {value}" for key, value in _extras(address) if value]
        extras += ["from the start"] if name in BUILT_IN_DEVICES and name not in own else []
        click.echo(f"{name}  {address}" + (f"  ({', '.join(extras)})" if extras else ""))
    click.echo(f"They are kept in {inventory.path}", err=True)


def _extras(address: object) -> list[tuple[str, object]]:
    return [(key, getattr(address, key, None)) for key in ("identity", "python")]


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
    found = with_options(parse_address(address), options)
    Inventory().add(name, found)
    click.echo(f"{name} is {found}: try 'edgecnn devices check {name}'")


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
    click.echo(f"{name} is removed")
