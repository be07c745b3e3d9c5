"""Writing public metadata and packed files into a ``.tflite`` file's bytes; same in, same out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.zip_files import ZIP_ERRORS
from edgecnn.model_metadata.flatbuffer_tables import encode
from edgecnn.model_metadata.packed_files import (
    append_zip,
    check_name,
    has_zip,
    zip_start,
)
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.model_metadata.schema import (
    FIELDS_SINCE,
    FILE_TYPES_SINCE,
    IDENTIFIER,
    METADATA_BUFFER,
    TABLES,
)
from edgecnn.tflite.writing import with_metadata_buffers


def with_metadata(content: bytes, metadata: ModelMetadata, files: Mapping[str, bytes]) -> bytes:
    """Return a copy of a model whose public metadata and packed files are replaced.

    Args:
        content: A ``.tflite`` file's bytes. Its other metadata buffers stay.
        metadata: The new public metadata.
        files: Name -> content of the new packed files.

    Raises:
        InputError: The file is broken, or a name is a path.
    """
    return with_packed_files(
        with_metadata_buffers(content, {METADATA_BUFFER: encode_metadata(metadata)}), files
    )


def with_packed_files(content: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a copy of a model with other packed files; its flatbuffer stays as it is.

    Args:
        content: A ``.tflite`` file's bytes, with or without packed files.
        files: Name -> content of the new packed files; empty to take the present ones away.

    Raises:
        InputError: The present packed files are broken, or a name is a path.
    """
    check_names(files)
    whole = io.BytesIO(content)
    whole.seek(_model_bytes(content))
    whole.truncate()
    append_zip(whole, files)
    return whole.getvalue()


def append_packed_files(path: Path, files: Mapping[str, bytes]) -> None:
    """Pack files behind a model that has none yet, without reading the model into memory."""
    check_names(files)
    with path.open("r+b") as file:
        file.seek(0, io.SEEK_END)
        append_zip(file, files)


def encode_metadata(metadata: ModelMetadata) -> bytes:
    """Return the content of the public metadata buffer."""
    return encode_tree(metadata.to_tree())


def encode_tree(tree: Mapping[str, Any]) -> bytes:
    """Return the content of the public metadata buffer for a tree, with the parser's version."""
    version = ".".join(str(part) for part in needed_parser("ModelMetadata", tree))
    return encode("ModelMetadata", {**tree, "min_parser_version": version}, IDENTIFIER)


def needed_parser(name: str, tree: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the oldest version of the schema that knows all that a table uses.

    Args:
        name: The table's type.
        tree: Fields of the table.
    """
    needed = [(1, 0, 0)]
    for field, kind in TABLES[name]:
        value = tree.get(field)
        if value is None:
            continue
        needed.append(FIELDS_SINCE.get((name, field), (1, 0, 0)))
        if kind.startswith("union "):
            member, value = value
            needed.append(FIELDS_SINCE.get((kind.removeprefix("union "), member), (1, 0, 0)))
            needed.append(needed_parser(member, value))
        elif kind.strip("[]") in TABLES:
            each = value if kind.startswith("[") else (value,)
            needed += [needed_parser(kind.strip("[]"), table) for table in each]
        elif (name, field) == ("AssociatedFile", "type"):
            needed.append(FILE_TYPES_SINCE.get(value, (1, 0, 0)))
    return max(needed)


def check_names(files: Mapping[str, bytes]) -> None:
    """Raise InputError if a file's name cannot be packed."""
    for name in files:
        try:
            check_name(name)
        except ValueError as error:
            raise InputError(f"it cannot be packed: {error}") from None


def _model_bytes(content: bytes) -> int:
    """Return how many of a file's bytes are its model, without what is packed behind."""
    try:
        return zip_start(io.BytesIO(content)) if has_zip(content) else len(content)
    except ZIP_ERRORS as error:
        raise InputError(f"what is packed behind the model cannot be used: {error}") from error
