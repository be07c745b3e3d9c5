"""Everything that a ``.tflite`` file says of itself, in one look."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.files import json_values
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.public_metadata import ModelMetadata


@dataclass(frozen=True)
class Shown:
    """What a file says of itself.

    Args:
        metadata: The public metadata, None if it has none.
        labels: Of the first output, None if it has none.
        packed_files: Name -> bytes of what is packed behind the model.
        buffers: Name -> bytes of all metadata buffers inside of it.
        edgecnn: What edgecnn keeps for itself, None for files of others.
    """

    metadata: ModelMetadata | None
    labels: tuple[str, ...] | None
    packed_files: dict[str, int]
    buffers: dict[str, int]
    edgecnn: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; numbers that are none (NaN, infinity) are None."""
        values: dict[str, Any] = json_values(dataclasses.asdict(self))
        return values


def metadata(path: str | Path) -> Shown:
    """Read what a file says of itself.

    Args:
        path: Any ``.tflite`` file.

    Raises:
        InputError: The file, its metadata or what is packed in it is broken.

    Example:
        >>> edgecnn.metadata("model.tflite").metadata.author
        'Ada Lovelace'
    """
    file = DescribedFile(path)
    return Shown(
        metadata=file.metadata,
        labels=file.labels,
        packed_files={name: len(content) for name, content in file.packed_files.items()},
        buffers={name: len(content) for name, content in file.model.metadata.items()},
        edgecnn=file.model.edgecnn,
    )
