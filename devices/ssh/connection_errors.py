"""What went wrong on an open connection, as one line."""

from __future__ import annotations

import asyncio
import concurrent.futures

import asyncssh

from edgecnn.core.errors import ConnectionLostError, DeviceError, first_line


def explained(
    error: Exception, name: str, doing: str, timeout_s: float | None = None
) -> DeviceError:
    """Turn an error of asyncssh or the network into one of edgecnn's.

    Args:
        error: What was raised.
        name: What messages call the device.
        doing: What was being done: ``"uploading 'a.tflite'"``.
        timeout_s: Seconds that it was allowed to take.
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
        return ConnectionLostError(
            f"{name}: {doing}: the connection was lost ({first_line(error)})"
        )
    return DeviceError(f"{name}: {doing}: {first_line(error)}")
