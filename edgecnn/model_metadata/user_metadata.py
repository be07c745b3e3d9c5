"""What a user says of a model for its metadata, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.model_metadata.labels import check_label_count, checked_labels, read_label_file

MAX_TEXT_CHARACTERS = 100_000
"""Most characters of a text; the longest licences have some 40,000."""


@dataclass(frozen=True)
class About:
    """Texts and labels; an empty text says nothing.

    Args:
        author: Who made the model.
        license: Name or text of the licence.
        version: Version of the model, as its author counts.
        description: What the model does, in one or two sentences.
        labels: One name for each class, None if not given.
        labels_from: Where the labels are from, for messages.
        labels_file: The file that they were read from; None for none.
    """

    author: str = ""
    license: str = ""
    version: str = ""
    description: str = ""
    labels: tuple[str, ...] | None = None
    labels_from: str = ""
    labels_file: Path | None = None

    @classmethod
    def of(
        cls,
        labels: str | Path | Sequence[str] | None = None,
        author: str | None = None,
        license: str | None = None,
        version: str | None = None,
        description: str | None = None,
    ) -> About:
        """Check the texts, and read the labels.

        Args:
            labels: The labels, or a file with one label a line.
            author: Who made the model.
            license: Name or text of the licence.
            version: Version of the model, as its author counts.
            description: What the model does, in one or two sentences.

        Raises:
            InputError: The labels or a text cannot be used.
        """
        texts = {
            "author": author or "",
            "license": license or "",
            "version": version or "",
            "description": description or "",
        }
        for name, text in texts.items():
            check_text(name, text)
        names, source, file = None, "", None
        if isinstance(labels, str | Path):
            names, source, file = read_label_file(labels), quoted(labels), Path(labels)
        elif labels is not None:
            names, source = checked_labels(labels, "labels"), "labels"
        return cls(**texts, labels=names, labels_from=source, labels_file=file)

    def check_classes(self, classes: int) -> None:
        """Raise InputError if labels were given, and are not as many as the classes."""
        if self.labels is not None:
            check_label_count(self.labels, classes, self.labels_from)


def check_text(name: str, text: str) -> None:
    """Raise InputError unless a text can stand in the metadata.

    Args:
        name: Name of the text for messages, such as ``"author"``.
        text: The text, of any number of lines.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InputError(f"the {name} has {len(text)} characters: {MAX_TEXT_CHARACTERS} at most")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"the {name} is not UTF-8 text: {quoted(text[:60])}") from None
    if any(ord(letter) < 32 and letter not in "\t\n" for letter in text):
        raise InputError(f"the {name} has control characters: {quoted(text[:60])}")
