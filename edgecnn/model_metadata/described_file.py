"""A ``.tflite`` file with what it says of itself: public metadata, labels and packed files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.zip_files import ZIP_ERRORS
from edgecnn.model_metadata.flatbuffer_tables import Reader, Tree
from edgecnn.model_metadata.labels import MAX_LABEL_BYTES
from edgecnn.model_metadata.packed_files import has_zip, read_zip
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.model_metadata.schema import IDENTIFIER, METADATA_BUFFER
from edgecnn.tflite.file import TfliteFile


class DescribedFile(TfliteFile):
    """A file and what it says of itself, read within bounds whatever the file claims.

    Args:
        path: Path of the file, of which only what is asked for is read.

    Raises:
        InputError: The file is missing, unreadable, empty, or no ``.tflite`` file. A property
            raises it when what it reads is broken.

    Example:
        >>> file = DescribedFile("model.tflite")
        >>> file.metadata.inputs[0].mean, file.labels[285]
        ((127.5,), 'Egyptian cat')
    """

    @cached_property
    def metadata_tree(self) -> Tree | None:
        """The public metadata field by field as the schema has it; None where there is none."""
        if METADATA_BUFFER not in self.model.metadata:
            return None
        try:
            return parse_tree(self.model.metadata[METADATA_BUFFER])
        except ValueError as error:
            raise InputError(
                f"the metadata of {self.label} is broken ({error}): "
                "edgecnn metadata strip takes it out"
            ) from error

    @cached_property
    def metadata(self) -> ModelMetadata | None:
        """What the public metadata says of the model; None where there is none."""
        return None if self.metadata_tree is None else ModelMetadata.from_tree(self.metadata_tree)

    @cached_property
    def packed_files(self) -> dict[str, bytes]:
        """Name -> content of the files packed behind the model, in the order of the zip.

        InputError if what is packed is broken, names a path, or would unpack to more than 32 MB.
        """
        try:
            if not has_zip(self.content):
                return {}
            with self.path.open("rb") as file:
                return read_zip(file)
        except ZIP_ERRORS as error:
            raise InputError(
                f"what is packed behind {self.label} cannot be used: {error}"
            ) from error

    @cached_property
    def labels(self) -> tuple[str, ...] | None:
        """The labels of the first output; None where it has none.

        A label file without a language comes first, as the output may have the same labels in
        several. InputError if the metadata names a label file that is not packed, or is no text.
        """
        metadata = self.metadata
        if metadata is None or not metadata.outputs or not metadata.outputs[0].label_files:
            return None
        return labels_in(metadata, self.packed_files, self.label)


def parse_tree(metadata: bytes) -> Tree:
    """Read the content of the public metadata buffer.

    Raises:
        ValueError: The metadata is broken.
    """
    if metadata[4:8] != IDENTIFIER:
        raise ValueError("it does not begin as metadata does")
    reader = Reader(metadata)
    return reader.decode("ModelMetadata", reader.root())


def labels_in(
    metadata: ModelMetadata, packed: Mapping[str, bytes], label: str
) -> tuple[str, ...] | None:
    """Return the labels of the first output from what is packed; None where it has none.

    Args:
        metadata: The public metadata, which names the label file.
        packed: Name -> content of the packed files.
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
