"""The zip of files that stands behind the model in a ``.tflite`` file: labels and the like.

The zip's files are stored, not deflated: MediaPipe and the Android library read no others. Offsets
in the zip count from the start of the whole file, so that every zip reader takes that as it is.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from edgecnn.core.zip_files import (
    END_BYTES,
    END_SIGNATURE,
    LOCATOR_BYTES,
    LOCATOR_SIGNATURE,
    MAX_COMMENT_BYTES,
    member_bytes,
    opened_zip,
)

MAX_PACKED_BYTES = 32 << 20
"""Most bytes of all packed files together, unpacked."""

MAX_PACKED_FILES = 1000

MAX_PACKED_DIRECTORY_BYTES = 1 << 20
"""Most bytes of the zip's list of its files."""

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""Date of every packed file, the earliest of zips, so that the same files give the same bytes."""


def has_zip(content: Any) -> bool:
    """Say whether a zip ends where the content ends, and is small enough to look into.

    Raises:
        ValueError: The zip's list of files is larger than any real one, or in a form for huge
            archives.
    """
    length = len(content)
    place = content.rfind(END_SIGNATURE, max(0, length - END_BYTES - MAX_COMMENT_BYTES))
    if place < 0 or place + END_BYTES > length:
        return False
    directory_bytes, _, comment_bytes = struct.unpack_from("<IIH", content, place + 12)
    if place + END_BYTES + comment_bytes != length:
        return False
    is_zip64 = content[max(0, place - LOCATOR_BYTES) : place].startswith(LOCATOR_SIGNATURE)
    if directory_bytes > MAX_PACKED_DIRECTORY_BYTES or is_zip64:
        raise ValueError("its list of packed files is larger than any real one")
    return True


def read_zip(file: BinaryIO) -> dict[str, bytes]:
    """Return the packed files, name -> content, in the zip's order.

    Raises:
        ValueError: A file's name is a path, they are too large together, or the zip is one that
            ``opened_zip`` refuses.
        Exception: Another one of ``ZIP_ERRORS``, for a broken zip.
    """
    with opened_zip(file, max_members=MAX_PACKED_FILES, check_name=check_name) as archive:
        infos = archive.infolist()
        size = sum(info.file_size for info in infos)
        if size > MAX_PACKED_BYTES:
            raise ValueError(f"its packed files unpack to {size} bytes: it looks like a zip bomb")
        return {info.filename: member_bytes(archive, info.filename) for info in infos}


def zip_start(file: BinaryIO) -> int:
    """Return where the zip begins in the file."""
    with zipfile.ZipFile(file) as archive:
        return min([archive.start_dir, *(info.header_offset for info in archive.infolist())])


def append_zip(file: BinaryIO, files: Mapping[str, bytes]) -> None:
    """Write files as a zip at the file's present position; write nothing where there are none."""
    if not files:
        return
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, ZIP_DATE)
            # The defaults depend on the operating system.
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_STORED)


def check_name(name: str) -> None:
    """Raise ValueError unless a packed file's name is a plain name, without folders."""
    if name in ("", ".", "..") or any(c in "/\\:" or ord(c) < 32 for c in name):
        raise ValueError(f"a packed file is called {name!r}, and only plain names are taken")
