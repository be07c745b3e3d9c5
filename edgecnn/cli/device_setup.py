"""``edgecnn devices setup`` and ``check``: prepare a device, or say whether it is ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecnn.cli.options import json_option
from edgecnn.cli.output import say, say_json
from edgecnn.cli.progress import PhaseProgress
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from edgecnn.devices.connection import Connection
    from edgecnn.devices.setup.readiness import Readiness


@click.command("setup")
@click.argument("name", metavar="NAME|ADDRESS")
@click.option(
    "--wheels",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Take the runtime and numpy from wheels in here, not from a package index.",
)
@click.option(
    "--from",
    "source",
    type=click.Choice(["host", "device"]),
    help="Who fetches it: this machine, or the device's own pip.  [default: this machine, or the "
    "device where this one is offline]",
)
@click.option("--python", metavar="PATH", help="Python there to use.  [default: found by itself]")
@click.option("--upgrade", is_flag=True, help="Set up anew, with the newest runtime.")
def setup_command(
    name: str, wheels: Path | None, source: str | None, python: str | None, upgrade: bool
) -> None:
    """Prepare a device to run models: a Python environment with a TFLite runtime.

    It is made in ~/.edgecnn on the device, which needs no internet, no root and no pip: what it
    lacks is fetched here and copied. Where all is there, nothing is changed.

    \b
    Example:
      edgecnn devices setup pi
      edgecnn devices setup pi@192.168.1.20
      edgecnn devices setup pi --wheels wheels/
    """
    from edgecnn.devices.setup.set_up import set_up

    if wheels and source == "device":
        raise InputError("--wheels are on this machine: leave out --from device")
    with PhaseProgress() as progress, connection_to(name, progress) as connection:
        set_up(
            connection,
            own_python=connection.address.python,
            python=python,
            wheels=wheels,
            source=source,
            upgrade=upgrade,
            on_step=progress.say,
            on_progress=progress,
        )


@click.command("check")
@click.argument("name", metavar="NAME|ADDRESS")
@json_option(help="Print what was found as JSON.")
def check_command(name: str, as_json: bool) -> int:
    """Say whether a device is ready to run models, and what to do where it is not.

    Nothing is changed. The exit code is 0 if the device is ready, else 1.

    \b
    Example:
      edgecnn devices check pi
    """
    from edgecnn.devices.setup.readiness import check_device

    with PhaseProgress() as progress, connection_to(name, progress) as connection:
        progress("looking at the device")
        readiness = check_device(connection, own_python=connection.address.python)
    if as_json:
        say_json(readiness.as_json())
    else:
        say(*readiness_lines(readiness))
    return 0 if readiness.ready else 1


def connection_to(name: str, progress: PhaseProgress) -> Connection:
    """Return a connection to a device, to be used with ``with``.

    Args:
        name: Name of the device in the inventory, or its address.
        progress: Shows that the connection is being made, and asks for passwords.

    Raises:
        InputError: The name is this machine's, or no device can have such a name.
    """
    from edgecnn.devices.device import DESKTOP
    from edgecnn.devices.inventory import address_of
    from edgecnn.devices.transports import connect

    if name == DESKTOP:
        raise InputError(f"{name!r} is this machine, and edgecnn is set up here already")
    progress("connecting")
    return connect(address_of(name), name, progress.ask_password)


def readiness_lines(readiness: Readiness) -> list[str]:
    """Return a line for each item that was checked, its advice below it, and the verdict."""
    lines = []
    for item in readiness.items:
        lines.append(f"{'ok' if item.ok else 'not ok':6}  {item.name:7}  {item.text}")
        lines += [f"{'':17}{item.advice}"] if item.advice else []
    return [*lines, f"{readiness.device} is {'ready' if readiness.ready else 'not ready'}"]
