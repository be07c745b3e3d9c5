"""The zip of files that stands behind the model in a ``.tflite`` file: labels and the like.

It is stored, not deflated: MediaPipe and the Android library read no other. Offsets in it count
from the start of the whole file, so that every zip reader takes that as it is.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

MAX_PACKED_BYTES = 32 << 20
"""All packed files together, unpacked."""

MAX_PACKED_FILES = 1000

MAX_DIRECTORY_BYTES = 1 << 20
"""The zip's list of its files."""

ZIP_BLOCK_BYTES = 1 << 20

END_BYTES = 22
"""Length of a zip's last record, without its comment."""

MAX_COMMENT_BYTES = 65_535

DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can say, so that the same files give the same bytes."""

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
"""What a broken zip can raise."""


def has_zip(content: Any) -> bool:
    """Say whether a zip ends where the content ends, and is small enough to look into.

    Raises:
        ValueError: Its list of files is larger than any real one, or in a form for huge archives.
    """
    length = len(content)
    place = content.rfind(b"PK\5\6", max(0, length - END_BYTES - MAX_COMMENT_BYTES))
    if place < 0 or place + END_BYTES > length:
        return False
    directory_bytes, _, comment_bytes = struct.unpack_from("<IIH", content, place + 12)
    if place + END_BYTES + comment_bytes != length:
        return False
    is_zip64 = content[max(0, place - 20) : place].startswith(b"PK\6\7")
    if directory_bytes > MAX_DIRECTORY_BYTES or is_zip64:
        raise ValueError("its list of packed files is larger than any real one")
    return True


def read_zip(file: BinaryIO) -> dict[str, bytes]:
    """Return the packed files by name; the order is the zip's.

    Raises:
        ValueError: A file's name is a path, they are too many or too large, or one is encrypted
            or packed in an unusual way.
        Exception: Others of ``ZIP_ERRORS``.
    """
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > MAX_PACKED_FILES:
            raise ValueError(f"{len(infos)} packed files, where at most {MAX_PACKED_FILES} can be")
        size = sum(info.file_size for info in infos)
        if size > MAX_PACKED_BYTES:
            raise ValueError(f"its packed files unpack to {size} bytes: it looks like a zip bomb")
        for info in infos:
            _check(info)
        return {info.filename: _unpacked(archive, info) for info in infos}


def zip_start(file: BinaryIO) -> int:
    """Return where the zip begins in the file."""
    with zipfile.ZipFile(file) as archive:
        return min([archive.start_dir, *(info.header_offset for info in archive.infolist())])


def append_zip(file: BinaryIO, files: Mapping[str, bytes]) -> None:
    """Write the files as a zip where the file stands now; nothing where there are none."""
    if not files:
        return
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, DATE)
            # Said, because the default is the system's that this runs on.
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_STORED)


def check_name(name: str) -> None:
    """Raise ValueError unless a packed file's name is a plain name, without folders."""
    if name in ("", ".", "..") or any(c in "/\\:" or ord(c) < 32 for c in name):
        raise ValueError(f"a packed file is called {name!r}, and only plain names are taken")


def _check(info: zipfile.ZipInfo) -> None:
    check_name(info.orig_filename)
    if info.flag_bits & 1:
        raise ValueError(f"the packed file {info.filename!r} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"the packed file {info.filename!r} is packed in an unusual way")


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    content = bytearray()
    with archive.open(info) as file:
        # Blocks, as reading all at once makes several copies of it.
        while block := file.read(min(ZIP_BLOCK_BYTES, info.file_size - len(content))):
            content += block
    if len(content) != info.file_size:
        raise ValueError(f"the packed file {info.filename!r} is cut off")
    return bytes(content)
