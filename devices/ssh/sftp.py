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
from edgecnn.core.temporary import UPLOAD_ABANDONED_S, is_leftover, part_name

PRIVATE_FOLDER = stat.S_IFDIR | 0o700
SFTP_BLOCK_BYTES = 64 << 10
BLOCKS_AHEAD = 32
"""Blocks that are sent before the first one is confirmed, so that slow answers cost no time."""

REMOVE_TIMEOUT_S = 5.0


async def has_file(client: asyncssh.SSHClientConnection, remote: str, size: int) -> bool:
    """Return whether the device has a file of this path and size."""
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
        content: Content of the file.
        remote: Path of the file on the device; folders are made.
        own: Eight hexadecimal digits in the names of this connection's temporary files. They are
            the same after a cut, so that a half-written file is written over and not left behind.
        name: What messages call the device.
        report: Called with the number of bytes that the device has so far.

    Raises:
        DeviceError: The device's disk is full.
    """
    folder, base = posixpath.split(remote)
    temporary = posixpath.join(folder, part_name(base, own))
    async with client.start_sftp_client() as sftp:
        try:
            private = asyncssh.SFTPAttrs(permissions=PRIVATE_FOLDER)
            await sftp.makedirs(folder, private, exist_ok=True)
            await _remove_leftovers(sftp, folder, temporary)
            await _write(sftp, temporary, content, report)
            await sftp.posix_rename(temporary, remote)
        except BaseException as error:
            await _remove(sftp, temporary)
            await _say_if_full(sftp, folder, len(content), name, error)
            raise


async def _write(sftp: Any, remote: str, content: bytes, report: Callable[[int], None]) -> None:
    """Write a file in groups of blocks, report each group, and have the disk keep them."""
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


async def _remove_leftovers(sftp: Any, folder: str, own: str) -> None:
    """Remove what uploads left that were cut for good, by :mod:`edgecnn.core.temporary`'s rule.

    Args:
        sftp: The client.
        folder: The folder on the device.
        own: Path of a file of this upload, by which the device's clock is read.
    """
    async with sftp.open(own, "wb"):
        pass
    now = (await sftp.stat(own)).mtime
    for entry in await sftp.readdir(folder):
        facts, path = entry.attrs, posixpath.join(folder, entry.filename)
        is_file = stat.S_ISREG(facts.permissions or 0)
        if is_file and is_leftover(entry.filename, now - facts.mtime, UPLOAD_ABANDONED_S):
            await _remove(sftp, path)


async def _remove(sftp: Any, remote: str) -> None:
    # Where the connection is gone, the next run clears what was left.
    with contextlib.suppress(OSError, asyncssh.Error, asyncio.TimeoutError):
        await asyncio.wait_for(sftp.remove(remote), REMOVE_TIMEOUT_S)


async def _say_if_full(sftp: Any, folder: str, needed: int, name: str, error: object) -> None:
    """Raise DeviceError if a write failed for want of space: SFTP itself does not tell."""
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
