"""Zips that came from outside: what they claim is checked before any of it is unpacked.

A zip of 42 kB can hold petabytes, by members that share their bytes (D. Fifield, "A better zip
bomb", 2019), and the sizes in its list of members are what its author wrote there. Here a zip is
refused by that list, and what is read of it is bounded whatever the list says.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted

MAX_MEMBERS = 10_000

MAX_DIRECTORY_BYTES = 8 << 20
"""Most bytes of a zip's list of its members, which is read as a whole."""

MAX_EXPANSION = 100
FREE_BYTES = 512 << 20
"""Stored data may unpack to this much however small they are; only beyond it the ratio counts.
Weights shrink by a tenth, and to a twentieth where most of them are zero; pixels of drawings to a
fiftieth. Deflate packs up to 1,032 equal bytes into one."""

BLOCK_BYTES = 1 << 20

ZIP_MAGIC = b"PK\x03\x04"
"""First bytes of a zip that has a member."""

END_SIGNATURE = b"PK\5\6"
END_BYTES = 22
"""Length of a zip's last record, without its comment."""

MAX_COMMENT_BYTES = 65_535

END64_SIGNATURE, LOCATOR_SIGNATURE = b"PK\6\6", b"PK\6\7"
END64_BYTES, LOCATOR_BYTES = 56, 20
"""Lengths of the two records that stand before the last one in zips with 64-bit sizes."""

LOCAL_HEADER_BYTES = 30
"""Length of what stands before a member's content, without its name."""

IS_ENCRYPTED = 1

ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OverflowError,
    ValueError,
    OSError,
)
"""Errors that a broken zip can raise, and those of this module."""


class RefusedZipError(ValueError):
    """A zip, whole or not, that no program means well with; the message says what it does."""


def is_bomb(unpacked_bytes: int, stored_bytes: int, free_bytes: int = FREE_BYTES) -> bool:
    """Say whether stored data unpack to far more than real ones do.

    Args:
        unpacked_bytes: How much they unpack to.
        stored_bytes: How much of them is stored.
        free_bytes: How much they may unpack to however small they are.

    Example:
        >>> is_bomb(5 << 30, 5 << 20), is_bomb(100 << 20, 100 << 10), is_bomb(5 << 30, 4 << 30)
        (True, False, False)
    """
    return unpacked_bytes > max(free_bytes, MAX_EXPANSION * stored_bytes)


def check_inner_name(name: str) -> None:
    """Raise RefusedZipError for a member whose name leads out of the folder it is unpacked to."""
    parts = name.replace("\\", "/").split("/")
    if not name.isprintable() or not parts[0] or ".." in parts:
        raise RefusedZipError(f"its file {name!r} has a name that would lead out of it")


@contextmanager
def opened_zip(
    file: Path | BinaryIO,
    *,
    max_members: int = MAX_MEMBERS,
    check_name: Callable[[str], None] = check_inner_name,
) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose list of members was checked; none of them is read for that.

    Members are read by :func:`member_blocks` or by :func:`member_bytes`.

    Args:
        file: Path of the zip, or a file that is open for reading.
        max_members: Most members that the zip may have.
        check_name: Raises ValueError for names that no member may have.

    Raises:
        RefusedZipError: The zip has too many members, two of the same name or in the same bytes,
            one that is encrypted, packed in an unusual way or of a name that leaves the zip; or
            they unpack to far more than real files do.
        Exception: Another one of :data:`ZIP_ERRORS`, for a broken zip.

    Example:
        >>> with opened_zip(Path("model.keras")) as archive:
        ...     config = member_bytes(archive, "config.json")
    """
    if isinstance(file, Path):
        with (
            file.open("rb") as opened,
            opened_zip(opened, max_members=max_members, check_name=check_name) as archive,
        ):
            yield archive
        return
    if directory_bytes(file) > MAX_DIRECTORY_BYTES:
        raise RefusedZipError("its list of files is larger than any real one")
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            check_name(member.orig_filename)  # `filename` ends at a NUL
        _check_members(archive, max_members)
        yield archive


@contextmanager
def zip_explained(path: Path, kind: str, remedy: str) -> Iterator[None]:
    """Raise InputError for whatever a zip of a user's raises that is refused or broken.

    Args:
        path: The zip.
        kind: What it should be, after "is not": ``"a .keras file"``.
        remedy: What to do about a broken one: ``"save the model again"``.

    Example:
        >>> with zip_explained(path, "a .keras file", "save the model again"):
        ...     check_contents(archive)
    """
    try:
        yield
    except RefusedZipError as error:
        raise InputError(f"{quoted(path)} is not {kind}: {error}") from error
    except ZIP_ERRORS as error:
        raise InputError(f"{quoted(path)} is truncated or corrupt ({error}): {remedy}") from error


def directory_bytes(file: BinaryIO) -> int:
    """Return how long a zip says that its list of members is.

    Raises:
        BadZipFile: The file does not end as a zip does.
    """
    length = file.seek(0, os.SEEK_END)
    longest = END_BYTES + MAX_COMMENT_BYTES + LOCATOR_BYTES + END64_BYTES
    file.seek(max(0, length - longest))
    tail = file.read(longest)  # a device has no end
    place = len(tail) - END_BYTES
    # The order in which zipfile looks: it must not find another record than the one checked here.
    if not (tail.startswith(END_SIGNATURE, max(place, 0)) and tail.endswith(b"\0\0")):
        place = tail.rfind(END_SIGNATURE, max(0, place - MAX_COMMENT_BYTES))
    if place < 0 or place + END_BYTES > len(tail):
        raise zipfile.BadZipFile("it does not end as a zip does")
    (size,) = struct.unpack_from("<I", tail, place + 12)
    if tail.startswith(LOCATOR_SIGNATURE, max(0, place - LOCATOR_BYTES)):
        record = place - LOCATOR_BYTES - END64_BYTES
        if record < 0 or not tail.startswith(END64_SIGNATURE, record):
            raise zipfile.BadZipFile("its last records are in an unusual order")
        (size,) = struct.unpack_from("<Q", tail, record + 40)
    return int(size)


def member_blocks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield a member's content, block by block: never more than its list of members says.

    Raises:
        Exception: One of :data:`ZIP_ERRORS`, for a damaged member; for one that is longer or
            shorter than the list says, too.
    """
    info = archive.getinfo(name)
    left = info.file_size
    with archive.open(info) as file:
        # Reading all at once would first unpack up to 2 GiB, whatever the list says.
        while block := file.read(min(BLOCK_BYTES, left)):
            left -= len(block)
            yield block
    if left:
        raise ValueError(f"its file {name!r} is cut off")


def member_bytes(archive: zipfile.ZipFile, name: str, max_bytes: int | None = None) -> bytes:
    """Return a member's content.

    Args:
        archive: A zip that :func:`opened_zip` opened.
        name: Name of the member.
        max_bytes: Most bytes that the member may unpack to; None for whatever the zip may.

    Raises:
        KeyError: There is no such member.
        ValueError: The member is larger, or cut off.
        Exception: Another one of :data:`ZIP_ERRORS`, for a damaged member.
    """
    size = archive.getinfo(name).file_size
    if max_bytes is not None and size > max_bytes:
        raise ValueError(
            f"its file {name!r} has {size:,} bytes, where at most {max_bytes:,} can be"
        )
    content = io.BytesIO()
    for block in member_blocks(archive, name):
        content.write(block)
    return content.getvalue()


def check_contents(archive: zipfile.ZipFile) -> None:
    """Read all members to see that they are whole.

    Raises:
        Exception: One of :data:`ZIP_ERRORS`, for a damaged member.
    """
    for name in archive.namelist():
        for _ in member_blocks(archive, name):
            pass


def _check_members(archive: zipfile.ZipFile, max_members: int) -> None:
    members = archive.infolist()
    if len(members) > max_members:
        raise RefusedZipError(
            f"it has {len(members):,} files, where at most {max_members:,} can be"
        )
    for member in members:
        _check_member(member)
    ((name, count),) = Counter(member.filename for member in members).most_common(1) or [("", 0)]
    if count > 1:
        raise RefusedZipError(f"{count} of its files are called {name!r}")
    _check_places(members, archive.start_dir)
    unpacked = sum(member.file_size for member in members)
    if is_bomb(unpacked, sum(member.compress_size for member in members)):
        raise RefusedZipError(f"its files unpack to {unpacked:,} bytes: it looks like a zip bomb")


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    if member.flag_bits & IS_ENCRYPTED:
        raise RefusedZipError(f"its file {name!r} is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedZipError(f"its file {name!r} is packed in an unusual way")
    if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
        raise RefusedZipError(f"its file {name!r} has two sizes")


def _check_places(members: list[zipfile.ZipInfo], end: int) -> None:
    """Raise RefusedZipError unless each member has bytes of its own, from last to first."""
    for member in sorted(members, key=lambda member: member.header_offset, reverse=True):
        header = LOCAL_HEADER_BYTES + len(member.orig_filename)
        if member.header_offset < 0 or member.header_offset + header + member.compress_size > end:
            raise RefusedZipError(f"its file {member.orig_filename!r} lies within another one")
        end = member.header_offset
