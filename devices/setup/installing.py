"""Installing a runtime on a device, packed here or fetched by the device itself."""

from __future__ import annotations

from collections.abc import Callable

from edgecnn.core.files import quoted
from edgecnn.core.temporary import part_name
from edgecnn.devices.connection import Shell
from edgecnn.devices.setup.plans import RuntimePlan, numpy_advice
from edgecnn.devices.setup.probe import NotReadyError, ask, lines_of, runtime_facts
from edgecnn.devices.setup.protocol import Board, InstallRuntime, RuntimeState, SetupFailed
from edgecnn.devices.setup.wheels import WheelArchive
from edgecnn.runner.ondevice.lock import ROOT

OnPhase = Callable[..., None]
"""Called with (phase, done, total); the last two are left out where they are not known."""

UNPACK_TIMEOUT_S = 600.0
"""A Pi Zero 2 W with a slow card unpacks for a minute."""

FETCH_TIMEOUT_S = 1800.0
SPARE_BYTES = 20_000_000
"""Bytes of disk for the environment's own files and for compiled Python."""

MB = 1e6


def copy(connection: Shell, board: Board, packed: WheelArchive, on_progress: OnPhase) -> None:
    """Copy an archive to a device, if the device has room for it packed and unpacked.

    Args:
        connection: Copies files to the device.
        board: What the device is.
        packed: Wheels of everything that the device lacks, as one file.
        on_progress: Called with (phase, bytes done, bytes in all).

    Raises:
        NotReadyError: The device has no room, or edgecnn's folder cannot be made there.
    """
    if board.free_bytes < _needed_bytes(packed):
        raise _no_room(_needed_bytes(packed), board.free_bytes)
    _make_folder(connection)
    connection.upload(
        packed.archive.read_bytes(),
        _remote(packed),
        quoted(packed.archive.name),
        lambda done, total: on_progress("copying", done, total),
    )


def unpack(connection: Shell, packed: WheelArchive) -> RuntimeState:
    """Have a device unpack an archive and try its runtime."""
    request = _request(packed.plan, _remote(packed))
    return _install(connection, packed.plan, request, _needed_bytes(packed), UNPACK_TIMEOUT_S)


def fetch(connection: Shell, plan: RuntimePlan) -> RuntimeState:
    """Have a device fetch a runtime with its own pip, and try it."""
    _make_folder(connection)
    return _install(connection, plan, _request(plan, None), None, FETCH_TIMEOUT_S)


def _remote(packed: WheelArchive) -> str:
    """Return an archive's path on a device: two machines may set the same one up at once."""
    return f"{ROOT}/{part_name(packed.archive.name)}"


def _request(plan: RuntimePlan, archive: str | None) -> InstallRuntime:
    return InstallRuntime(
        python=plan.python.path,
        system_packages=plan.system_packages,
        archive=archive,
        requirements=plan.requirements,
        runtime_facts=runtime_facts(),
    )


def _install(
    connection: Shell,
    plan: RuntimePlan,
    request: InstallRuntime,
    needed: float | None,
    timeout_s: float,
) -> RuntimeState:
    """Have a device make its environment."""
    answer = ask(connection, [plan.python.path], request, RuntimeState, timeout_s)
    if not isinstance(answer, SetupFailed):
        return answer
    if answer.reason == "disk":
        raise _no_room(needed)
    raise NotReadyError(_explain(answer.reason, answer.message, plan))


def _explain(reason: str, message: str, plan: RuntimePlan) -> str:
    """Return what a device's failure means, and what to do about it."""
    python = plan.python
    if reason == "pip" and "numpy" in message.rpartition(" found for ")[2]:
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
    }.get(reason, f"setting up failed on the device: {message}")


def _make_folder(connection: Shell) -> None:
    """Make edgecnn's folder in the user's home on the device."""
    finished = connection.run(["mkdir", "-p", ROOT])
    if finished.status:
        reason = ["no reason given", *lines_of(finished.stderr)][-1]
        raise NotReadyError(f"cannot make ~/{ROOT} on the device: {reason}")


def _needed_bytes(packed: WheelArchive) -> int:
    """Return how many bytes of a device's disk setting up takes at most."""
    return packed.archive.stat().st_size + packed.unpacked_bytes + SPARE_BYTES


def _no_room(needed: float | None, free: float | None = None) -> NotReadyError:
    """Return the error for a disk that is full or would become so."""
    need = "" if needed is None else f": setting up needs {needed / MB:.0f} MB in the home folder"
    room = "" if free is None else f", and {free / MB:.0f} MB are free"
    return NotReadyError(f"the device's disk is full{need}{room}. Nothing was changed")
