"""Everything that a ``.tflite`` file says of itself, in one look."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.json_writing import json_values
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.public_metadata import ModelMetadata


@dataclass(frozen=True)
class MetadataOverview:
    """What a file says of itself.

    Args:
        metadata: The public metadata; None if the file has none.
        labels: Labels of the first output; None if it has none.
        packed_files: Name -> size in bytes of each file packed behind the model.
        buffers: Name -> size in bytes of each metadata buffer in the model.
        edgecnn: Content of edgecnn's own metadata buffer; None for files of other tools.
    """

    metadata: ModelMetadata | None
    labels: tuple[str, ...] | None
    packed_files: dict[str, int]
    buffers: dict[str, int]
    edgecnn: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with None for NaN and infinity."""
        values: dict[str, Any] = json_values(dataclasses.asdict(self))
        return values


def metadata(path: str | Path) -> MetadataOverview:
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
    return MetadataOverview(
        metadata=file.metadata,
        labels=file.labels,
        packed_files={name: len(content) for name, content in file.packed_files.items()},
        buffers={name: len(content) for name, content in file.model.metadata.items()},
        edgecnn=file.model.edgecnn,
    )
