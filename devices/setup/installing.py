"""Puts a runtime on a device, packed here or fetched there, and explains what hinders that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgecnn.devices.setup.probe import Board, Environment, NotReadyError, Shell, ask, lines_of
from edgecnn.devices.setup.runtimes import Plan, numpy_advice
from edgecnn.devices.setup.wheels import Bundle
from edgecnn.devices.ssh.connection import ROOT

OnProgress = Callable[..., None]

REMOTE_ARCHIVE = f"{ROOT}/packages.tar.gz"
UNPACK_TIMEOUT_S = 600.0  # a Pi Zero 2 W with a slow card unpacks for a minute
FETCH_TIMEOUT_S = 1800.0
SPARE_BYTES = 20_000_000  # the environment's own files, and compiled Python
MB = 1e6


def copy(connection: Shell, board: Board, packed: Bundle, on_progress: OnProgress) -> None:
    """Copy an archive to a device, if it has room for it and for what comes out of it."""
    size = packed.archive.stat().st_size
    if board.free_bytes < needed_bytes(packed):
        raise no_room(needed_bytes(packed), board.free_bytes)
    make_folder(connection)
    connection.upload(
        packed.archive,
        REMOTE_ARCHIVE,
        lambda done, total=size: on_progress("copying", done, total),
    )


def unpack(connection: Shell, packed: Bundle) -> Environment:
    """Have a device unpack the archive and try the runtime."""
    request = {"archive": REMOTE_ARCHIVE}
    needed = needed_bytes(packed)
    return install(connection, packed.plan, request, needed, UNPACK_TIMEOUT_S)


def fetch(connection: Shell, plan: Plan) -> Environment:
    """Have a device fetch a runtime with its own pip, and try it."""
    make_folder(connection)
    request = {"requirements": list(plan.requirements)}
    return install(connection, plan, request, None, FETCH_TIMEOUT_S)


def install(
    connection: Shell, plan: Plan, request: dict[str, Any], needed: float | None, timeout_s: float
) -> Environment:
    """Have a device make its environment."""
    path = plan.python.path
    common = {"python": path, "system_packages": plan.system_packages}
    answer = ask(connection, [path], "install", {**common, **request}, timeout_s=timeout_s)
    if "failed" not in answer:
        return Environment(**answer)
    if answer["failed"] == "disk":
        raise no_room(needed)
    raise NotReadyError(explain(answer["failed"], answer["message"], plan))


def explain(kind: str, message: str, plan: Plan) -> str:
    """Say what a device's failure means, and what to do about it."""
    python = plan.python
    if kind == "pip" and "numpy" in message.rpartition(" found for ")[2]:
        return f"there is no wheel of numpy for {plan.target}, and {numpy_advice(python)}"
    return {
        "busy": f"the device is in use by {message}: wait until that is done",
        "venv": f"{python.path} makes no virtual environment ({message}); on the device, run: "
        "sudo apt install python3-venv",
        "archive": f"what arrived on the device is damaged ({message}): try again",
        "no pip": f"{python.path} has no pip to fetch with; on the device, run: "
        "sudo apt install python3-pip",
        "pip": f"the device's pip failed: {message}",
        "runtime": f"{plan.runtime} does not work on the device: {message}",
    }.get(kind, f"setting up failed on the device: {message}")


def make_folder(connection: Shell) -> None:
    """Make the folder in the user's home for all that is ours."""
    made = connection.run(["mkdir", "-p", ROOT])
    if made.status:
        reason = ["no reason given", *lines_of(made.stderr)][-1]
        raise NotReadyError(f"cannot make ~/{ROOT} on the device: {reason}")


def needed_bytes(packed: Bundle) -> int:
    """Return how much of a device's disk setting up takes at most."""
    return packed.archive.stat().st_size + packed.unpacked_bytes + SPARE_BYTES


def no_room(needed: float | None, free: float | None = None) -> NotReadyError:
    """Make the error for a disk that is full, or will be."""
    wanted = "" if needed is None else f": setting up needs {needed / MB:.0f} MB in the home folder"
    found = "" if free is None else f", and {free / MB:.0f} MB are free"
    return NotReadyError(f"the device's disk is full{wanted}{found}. Nothing was changed")
