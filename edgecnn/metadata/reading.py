"""Reading a file's public metadata, packed files and labels, within bounds whatever the file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.metadata.flat import Reader, Tree
from edgecnn.metadata.labels import MAX_LABEL_BYTES
from edgecnn.metadata.model import ModelMetadata
from edgecnn.metadata.packed import ZIP_ERRORS, has_zip, read_zip
from edgecnn.metadata.schema import IDENTIFIER, METADATA_BUFFER
from edgecnn.tflite.mapping import map_tflite

MAX_METADATA_ENTRIES = 1000
"""More named buffers than any real file has."""


def read_metadata(path: str | Path) -> ModelMetadata | None:
    """Read what a ``.tflite`` file's public metadata says of it; None where it has none.

    Args:
        path: The file; only the parts that lead to the metadata are read.

    Raises:
        InputError: It is missing, unreadable, no ``.tflite`` file, or its metadata is broken.

    Example:
        >>> read_metadata("model.tflite").inputs[0].mean
        (127.5,)
    """
    tree = read_tree(path)
    return None if tree is None else ModelMetadata.from_tree(tree)


def read_tree(path: str | Path) -> Tree | None:
    """Read the public metadata whole, field by field as the schema has it; None where it has none.

    Raises:
        InputError: As for :func:`read_metadata`.
    """
    path = Path(path)
    content = map_tflite(path)
    try:
        metadata = find_buffer(content, METADATA_BUFFER)
    except ValueError as error:
        raise InputError(
            f"{quoted(path)} is truncated or corrupt ({error}): make it again"
        ) from error
    if metadata is None:
        return None
    try:
        return parse_tree(metadata)
    except ValueError as error:
        raise InputError(
            f"the metadata of {quoted(path)} is broken ({error}): "
            "edgecnn metadata strip takes it out"
        ) from error


def parse_tree(metadata: bytes) -> Tree:
    """Read the content of the metadata buffer; ValueError if it is broken."""
    if metadata[4:8] != IDENTIFIER:
        raise ValueError("it does not begin as metadata does")
    reader = Reader(metadata)
    return reader.decode("ModelMetadata", reader.root())


def find_buffer(content: Any, name: str) -> bytes | None:
    """Return the metadata buffer of that name, None where there is none.

    Args:
        content: A ``.tflite`` file as bytes or an mmap.
        name: As the file calls it.

    Raises:
        ValueError: An offset leads outside of the file.
    """
    reader = Reader(content)
    model = reader.root()
    entries, buffers = reader.field(model, 6), reader.field(model, 4)
    if entries is None or buffers is None:
        return None
    start, count = reader.vector(entries)
    if count > MAX_METADATA_ENTRIES:
        raise ValueError("it has more metadata than any real file")
    for place in range(start, start + 4 * count, 4):
        entry = reader.decode("Metadata", reader.follow(place))
        if entry.get("name") == name:
            return _buffer(reader, buffers, entry.get("buffer", 0))
    return None


def _buffer(reader: Reader, buffers: int, index: int) -> bytes:
    start, count = reader.vector(buffers)
    if index >= count:
        raise ValueError("its metadata is in a buffer that it does not have")
    data = reader.field(reader.follow(start + 4 * index), 0)
    return b"" if data is None else reader.data(data)


def read_packed_files(path: str | Path) -> dict[str, bytes]:
    """Read the files that are packed behind a ``.tflite`` file's model.

    Args:
        path: The file.

    Returns:
        Name -> content in the order of the zip; empty where there is none.

    Raises:
        InputError: It is missing, unreadable or no ``.tflite`` file, or what is packed is broken,
            names a path, or would unpack to more than 32 MB.
    """
    path = Path(path)
    content = map_tflite(path)
    try:
        if not has_zip(content):
            return {}
        with path.open("rb") as file:
            return read_zip(file)
    except ZIP_ERRORS as error:
        raise InputError(f"what is packed behind {quoted(path)} cannot be used: {error}") from error


def read_labels(path: str | Path) -> tuple[str, ...] | None:
    """Read the labels of a file's first output; None where it has none.

    A label file without a language comes first, as the output may have the same labels in several.

    Args:
        path: The file.

    Raises:
        InputError: As for the metadata and the packed files, or the metadata names a label file
            that is not packed, or that is no text.
    """
    metadata = read_metadata(path)
    if metadata is None or not metadata.outputs or not metadata.outputs[0].label_files:
        return None
    return labels_in(metadata, read_packed_files(path), quoted(path))


def labels_in(
    metadata: ModelMetadata, packed: Mapping[str, bytes], label: str
) -> tuple[str, ...] | None:
    """Return the labels of the first output from what is packed; None where it has none.

    Args:
        metadata: What names the label file.
        packed: Name -> content.
        label: The model's name for messages.

    Raises:
        InputError: The label file is not packed, it is no text, or it has more than 4 MB.
    """
    names = metadata.outputs[0].label_files if metadata.outputs else ()
    if not names:
        return None
    if names[0] not in packed:
        raise InputError(
            f"{label} names {quoted(names[0])} as its labels, and has no such file packed: "
            "edgecnn metadata set --labels FILE puts labels in"
        )
    if len(packed[names[0]]) > MAX_LABEL_BYTES:
        raise InputError(f"the labels in {label} are more than {MAX_LABEL_BYTES >> 20} MB of text")
    try:
        text = packed[names[0]].decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"the labels in {label} are not UTF-8 text") from None
    return tuple(text.rstrip("\r\n").replace("\r\n", "\n").split("\n"))
