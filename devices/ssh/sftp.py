"""Files on a device, over SFTP."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import stat
from collections.abc import Callable
from typing import Any

import asyncssh

from edgecnn.core.errors import DeviceError

PRIVATE_FOLDER = stat.S_IFDIR | 0o700
SFTP_BLOCK_BYTES = 64 << 10
BLOCKS_AHEAD = 32
"""Blocks on their way while an upload goes on, so that a slow answer does not slow it."""

REMOVE_TIMEOUT_S = 5.0


async def has_file(client: asyncssh.SSHClientConnection, remote: str, size: int) -> bool:
    """Say whether there is a file of this size on the device."""
    async with client.start_sftp_client() as sftp:
        return await sftp.isfile(remote) and await sftp.getsize(remote) == size


async def upload(
    client: asyncssh.SSHClientConnection,
    content: bytes,
    remote: str,
    own: str,
    name: str,
    report: Callable[[int], None],
) -> None:
    """Write a file to the device under another name, and rename it when it is whole.

    Args:
        client: The connection.
        content: The file's content.
        remote: Its path there; folders are made.
        own: Text that this connection's temporary files have in their names. It is the same after
            a cut, so that what was left is written over and not left behind.
        name: What messages call the device.
        report: Called with how many bytes are there.

    Raises:
        DeviceError: The disk there is full.
    """
    folder, base = posixpath.split(remote)
    temporary = posixpath.join(folder, f".{base}.{own}.part")
    async with client.start_sftp_client() as sftp:
        try:
            private = asyncssh.SFTPAttrs(permissions=PRIVATE_FOLDER)
            await sftp.makedirs(folder, private, exist_ok=True)
            await _write(sftp, temporary, content, report)
            await sftp.posix_rename(temporary, remote)
        except BaseException as error:
            await _remove(sftp, temporary)
            await _say_if_full(sftp, folder, len(content), name, error)
            raise


async def _write(sftp: Any, remote: str, content: bytes, report: Callable[[int], None]) -> None:
    """Write blocks, several at a time, tell as each group is there, and have the disk keep them."""
    async with sftp.open(
        remote, "wb", block_size=SFTP_BLOCK_BYTES, max_requests=BLOCKS_AHEAD
    ) as file:
        for begin in range(0, len(content), SFTP_BLOCK_BYTES * BLOCKS_AHEAD):
            end = min(len(content), begin + SFTP_BLOCK_BYTES * BLOCKS_AHEAD)
            await file.write(content[begin:end], begin)
            report(end)
        # A file has the name of its hash, so after a power failure it must not be empty.
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()


async def _remove(sftp: Any, remote: str) -> None:
    # Where the connection is gone, the next run clears what was left.
    with contextlib.suppress(OSError, asyncssh.Error, asyncio.TimeoutError):
        await asyncio.wait_for(sftp.remove(remote), REMOVE_TIMEOUT_S)


async def _say_if_full(sftp: Any, folder: str, needed: int, name: str, error: object) -> None:
    """Raise the reason where a write failed for want of space: SFTP itself does not tell."""
    if not isinstance(error, asyncssh.SFTPError):
        return
    try:
        space = await sftp.statvfs(folder)
    except (OSError, asyncssh.Error):
        return
    free = space.bavail * space.frsize
    if free < needed:
        raise DeviceError(
            f"{name}: its disk is full: {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB "
            "are free; make room there"
        )
