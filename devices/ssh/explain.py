"""What went wrong on an open connection, as one line."""

from __future__ import annotations

import asyncio
import concurrent.futures

import asyncssh

from edgecnn.core.errors import ConnectionLostError, DeviceError


def explained(
    error: Exception, name: str, doing: str, timeout_s: float | None = None
) -> DeviceError:
    """Turn an error of asyncssh or the network into one of ours.

    Args:
        error: What was raised.
        name: The device.
        doing: ``"uploading 'a.tflite'"``.
        timeout_s: How long it might have taken.
    """
    if isinstance(error, TimeoutError | asyncio.TimeoutError | concurrent.futures.TimeoutError):
        within = "in time" if timeout_s is None else f"within {timeout_s:.0f} s"
        return DeviceError(f"{name}: {doing}: not done {within}")
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return DeviceError(f"{name}: {doing}: no permission to write there")
    if isinstance(error, asyncssh.SFTPBadMessage):
        return DeviceError(
            f"{name}: {doing}: its shell prints text at every login, which garbles what is sent: "
            "let ~/.bashrc there print in terminals only"
        )
    lost = (
        asyncssh.DisconnectError,
        asyncssh.SFTPConnectionLost,
        asyncssh.SFTPNoConnection,
        OSError,
        asyncio.IncompleteReadError,
        concurrent.futures.CancelledError,
    )
    if isinstance(error, lost) or "closed" in str(error).lower():
        return ConnectionLostError(f"{name}: {doing}: the connection was lost ({reason(error)})")
    return DeviceError(f"{name}: {doing}: {reason(error)}")


def reason(error: BaseException) -> str:
    """Return what an error says, or what it is."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
