"""Zips that claim, hide or pack more than any real one: refused before they are unpacked."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.zip_files import (
    ZIP_ERRORS,
    RefusedZipError,
    check_contents,
    member_bytes,
    opened_zip,
)
from edgecnn.data.npz import read_npz
from edgecnn.importing.sources import find_source
from edgecnn.models.weight_files import read_weights

PARTS = {"config.json": b"{}", "model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(500)}
MIB = bytes(1 << 20)
CENTRAL, END = b"PK\1\2", b"PK\5\6"


def zip_of(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytearray:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return bytearray(content.getvalue())


def unpacks_to_gigabytes() -> bytearray:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, part in PARTS.items():
            archive.writestr(name, part)
        with archive.open("zeros", "w") as file:
            for _ in range(600):
                file.write(MIB)
    return bytearray(content.getvalue())


def shares_bytes() -> bytearray:
    """All members are the bytes of the first: the way to petabytes."""
    content = zip_of({**PARTS, "other": b"x"})
    last = content.rindex(CENTRAL)
    first = content.index(CENTRAL)
    content[last + 42 : last + 46] = content[first + 42 : first + 46]
    return content


def encrypted() -> bytearray:
    content = zip_of(PARTS)
    content[content.rindex(CENTRAL) + 8] |= 1
    return content


def twice() -> bytearray:
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w") as archive:
        warnings.simplefilter("ignore")  # zipfile warns of the name
        for name, part in [*PARTS.items(), *PARTS.items()]:
            archive.writestr(name, part)
    return bytearray(content.getvalue())


def two_sizes() -> bytearray:
    content = zip_of(PARTS)
    place = content.rindex(CENTRAL) + 24
    content[place : place + 4] = struct.pack("<I", 3_000_000_000)
    return content


def long_list() -> bytearray:
    return zip_of({**PARTS, **{f"{number}{'x' * 60_000}": b"" for number in range(150)}})


HOSTILE: dict[str, tuple[Callable[[], bytearray], str]] = {
    "unpacks to gigabytes": (unpacks_to_gigabytes, "looks like a zip bomb"),
    "shares bytes": (shares_bytes, "lies within another one"),
    "encrypted": (encrypted, "is encrypted"),
    "twice": (twice, "2 of its files are called 'config.json'"),
    "two sizes": (two_sizes, "has two sizes"),
    "long list": (long_list, "list of files is larger than any real one"),
    "lzma": (lambda: zip_of(PARTS, zipfile.ZIP_LZMA), "packed in an unusual way"),
    "many": (
        lambda: zip_of({**PARTS, **{str(number): b"" for number in range(10_001)}}),
        "10,003 files",
    ),
    "absolute": (lambda: zip_of({**PARTS, "/etc/x": b""}), "would lead out of it"),
    "above": (lambda: zip_of({**PARTS, "a/../../x": b""}), "would lead out of it"),
    "windows": (lambda: zip_of({**PARTS, "..\\x": b""}), "would lead out of it"),
    "escape": (lambda: zip_of({**PARTS, "\x1b[2J": b""}), "would lead out of it"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_reader_refuses_it_and_says_why(kind: str, tmp_path: Path) -> None:
    make, says = HOSTILE[kind]
    path = tmp_path / "model.keras"
    path.write_bytes(make())
    data = path.with_suffix(".npz")
    data.write_bytes(path.read_bytes())
    readers: tuple[Callable[[], object], ...] = (
        lambda: find_source(str(path)),
        lambda: read_weights(path, ["dense"]),
        lambda: read_npz(data),
    )
    for reader in readers:
        with pytest.raises(InputError, match=says) as caught:
            reader()
        assert str(caught.value).isprintable()


def test_a_member_that_holds_more_than_the_list_says(tmp_path: Path) -> None:
    content = zip_of({"zeros": bytes(64 << 20)}, zipfile.ZIP_DEFLATED)
    place = content.rindex(CENTRAL) + 24
    content[place : place + 4] = struct.pack("<I", 1000)
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with opened_zip(path) as archive, pytest.raises(zipfile.BadZipFile, match="CRC"):
        member_bytes(archive, "zeros")


def test_a_member_that_holds_less_than_the_list_says(tmp_path: Path) -> None:
    content = zip_of({"zeros": bytes(1000)}, zipfile.ZIP_DEFLATED)
    place = content.rindex(CENTRAL) + 24
    content[place : place + 4] = struct.pack("<I", 2000)
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with opened_zip(path) as archive, pytest.raises(ZIP_ERRORS):
        check_contents(archive)


def test_a_member_may_be_kept_smaller() -> None:
    with opened_zip(io.BytesIO(zip_of({"a": bytes(1000)}))) as archive:
        assert member_bytes(archive, "a", 1000) == bytes(1000)
        with pytest.raises(ValueError, match="has 1,000 bytes, where at most 999"):
            member_bytes(archive, "a", 999)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and no more", b"PK\5\6", bytes(100)])
def test_no_zip(content: bytes) -> None:
    with pytest.raises(zipfile.BadZipFile), opened_zip(io.BytesIO(content)):
        pass


def test_a_device_without_end(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no such device")
    path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="it is a device, where a file is needed"):
        find_source(str(path))


def test_the_record_that_python_takes_is_the_one_that_is_checked() -> None:
    """A zip may have a comment, and a comment may look like the end of a zip."""
    content = zip_of({f"{number}{'x' * 60_000}": b"" for number in range(150)})
    fake = zip_of({"a": b""})
    # Python takes the last record of the file, if it has no comment, and else the last it finds.
    for end in (fake[fake.index(END) :], END + bytes(10)):
        lying = bytearray(content)
        place = lying.rindex(END)
        lying[place + 20 : place + 22] = struct.pack("<H", len(end))
        with (
            pytest.raises((RefusedZipError, zipfile.BadZipFile)),
            opened_zip(io.BytesIO(lying + end)),
        ):
            pass


def test_real_zips_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"made by hand"
        archive.writestr("folder/a.txt", "ä" * 1000)
        archive.writestr("folder/ü.bin", np.random.default_rng(0).bytes(1 << 20))
        with archive.open("large", "w", force_zip64=True) as file:
            for _ in range(100):
                file.write(MIB)
    with opened_zip(path) as archive:
        check_contents(archive)
        assert member_bytes(archive, "folder/a.txt") == ("ä" * 1000).encode()


def test_a_zip_with_64_bit_sizes() -> None:
    """More than 65,535 members need the longer records, whose list is looked at, too."""
    content = zip_of({str(number): b"" for number in range(65_536)})
    with pytest.raises(RefusedZipError, match="65,536 files"), opened_zip(io.BytesIO(content)):
        pass
