"""Gets a device ready to run models: a virtual environment there with a TFLite runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgecnn.devices.probe import (
    Board,
    Environment,
    NotReadyError,
    Shell,
    ask,
    naming,
    probe,
)
from edgecnn.devices.runtimes import plans
from edgecnn.devices.wheels import Bundle, bundle

OnStep = Callable[[str], None]
OnProgress = Callable[..., None]

REMOTE_ARCHIVE = ".edgecnn/packages.tar.gz"
INSTALL_TIMEOUT_S = 600.0  # a Pi Zero 2 W with a slow card unpacks for a minute
SPARE_BYTES = 20_000_000  # the environment's own files, and compiled Python
MB = 1e6


def set_up(
    connection: Shell,
    *,
    own: str | None = None,
    python: str | None = None,
    wheels: Path | None = None,
    upgrade: bool = False,
    on_step: OnStep = lambda text: None,
    on_progress: OnProgress = lambda phase, done=0, total=0: None,
) -> Environment:
    """Make a device ready, unless it is: then nothing is changed.

    Args:
        connection: Runs commands on the device and copies files to it.
        own: A Python there that is to have a runtime by itself: it is looked at, and not touched.
        python: The Python to make the environment of, by path; None chooses.
        wheels: A folder with wheels to take instead of a package index.
        upgrade: Set up anew with the newest runtime, even if all is there.
        on_step: Called with a line for each step that is done.
        on_progress: Called with what is being done, and how much of it.

    Raises:
        DeviceError: It cannot be made ready; the message says what to do.

    Example:
        >>> set_up(connection, on_step=print).runtime
        'ai-edge-litert'
    """
    on_progress("looking at the device")
    with naming(connection.name):
        board = probe(connection, python, own)
        on_step(board.description)
        if board.venv.ready and not (upgrade and not own):
            on_step(f"already set up: {contents(board.venv)}")
            return board.venv
        if own:
            raise NotReadyError(f"{own}: {board.venv.error}; {own_advice(own)}")
        on_progress("fetching the runtime")
        with bundle(plans(board), wheels, fresh=upgrade) as packed:
            on_step(f"{', '.join(packed.packages)} {origin(packed, wheels)}")
            venv = put(connection, board, packed, on_step, on_progress)
    on_step(f"ready: {contents(venv)} in ~/.edgecnn/venv")
    return venv


def put(
    connection: Shell, board: Board, packed: Bundle, on_step: OnStep, on_progress: OnProgress
) -> Environment:
    """Copy a runtime to the device and install it there."""
    copy(connection, board, packed, on_progress)
    on_step(f"copied {packed.archive.stat().st_size / MB:.0f} MB")
    on_progress("unpacking and trying it on the device")
    return install(connection, packed)


def own_advice(own: str) -> str:
    """Say what to do where the user's own Python on a device has no runtime."""
    return f"on the device, run: {own} -m pip install ai-edge-litert; or add it without --python"


def contents(venv: Environment) -> str:
    """Return what an environment holds: ``"ai-edge-litert 2.3.0, numpy 2.4.6, Python 3.11.2"``."""
    return f"{venv.runtime} {venv.version}, numpy {venv.numpy}, Python {venv.python}"


def origin(packed: Bundle, wheels: Path | None) -> str:
    """Say where packages come from."""
    if wheels:
        return f"from {wheels}"
    return "from the cache" if packed.cached else "fetched"


def copy(connection: Shell, board: Board, packed: Bundle, on_progress: OnProgress) -> None:
    """Copy the archive to the device, if it has room for it and for what comes out of it."""
    size = packed.archive.stat().st_size
    needed = size + packed.unpacked_bytes + SPARE_BYTES
    if board.free_bytes < needed:
        raise no_room(needed, board.free_bytes)
    folder = Path(REMOTE_ARCHIVE).parent.as_posix()
    made = connection.run(["mkdir", "-p", folder])
    if made.status:
        raise NotReadyError(f"cannot make ~/{folder} on the device: {last_line(made.stderr)}")
    connection.upload(
        packed.archive,
        REMOTE_ARCHIVE,
        lambda done, total=size: on_progress("copying", done, total),
    )


def install(connection: Shell, packed: Bundle) -> Environment:
    """Have the device unpack the archive and try the runtime."""
    path = packed.plan.python.path
    request = {
        "archive": REMOTE_ARCHIVE,
        "python": path,
        "system_packages": packed.plan.system_packages,
    }
    answer = ask(connection, [path], "install", request, timeout_s=INSTALL_TIMEOUT_S)
    if "failed" in answer:
        raise NotReadyError(explain(answer["failed"], answer["message"], packed))
    return Environment(**answer)


def explain(kind: str, message: str, packed: Bundle) -> str:
    """Say what the device's failure means, and what to do about it."""
    python = packed.plan.python
    if kind == "disk":
        needed = packed.archive.stat().st_size + packed.unpacked_bytes + SPARE_BYTES
        return str(no_room(needed))
    return {
        "busy": f"the device is in use by {message}: wait until that is done",
        "venv": f"{python.path} makes no virtual environment ({message}); on the device, run: "
        "sudo apt install python3-venv",
        "archive": f"what arrived on the device is damaged ({message}): try again",
        "runtime": f"{packed.plan.runtime} does not work on the device: {message}",
    }.get(kind, f"setting up failed on the device: {message}")


def no_room(needed: float, free: float | None = None) -> NotReadyError:
    """Make the error for a disk that is full, or will be."""
    found = "" if free is None else f", and {free / MB:.0f} MB are free"
    return NotReadyError(
        f"the device's disk is full: setting up needs {needed / MB:.0f} MB in the home folder"
        f"{found}. Nothing was changed"
    )


def last_line(output: Any) -> str:
    """Return the last line of what a command printed."""
    text = output if isinstance(output, str) else output.decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
