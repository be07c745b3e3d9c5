"""The labels of a model's outputs: those that the user gave, or those packed in its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.labels import check_label_count
from edgecnn.model_metadata.user_metadata import About


@dataclass(frozen=True)
class OutputLabels:
    """Labels of a model's outputs.

    Args:
        names: Label of each output; empty where there are none.
        source: Where the labels are from, for messages: ``"the labels in 'labels.txt'"``.
        given: Whether the user gave the labels: these must be as many as the outputs.
    """

    names: tuple[str, ...] = ()
    source: str = ""
    given: bool = False

    @classmethod
    def of_user(cls, labels: str | Path | Sequence[str] | None) -> OutputLabels:
        """Return the labels that a user gave.

        Args:
            labels: The labels, or a file with one a line; None for none.

        Raises:
            InputError: The labels cannot be used, or the file cannot be read.
        """
        about = About.of(labels)
        names = about.labels or ()
        return cls(names, f"the labels in {about.labels_from}", True) if names else NO_LABELS


NO_LABELS = OutputLabels()


def labels_for(file: DescribedFile, given: OutputLabels) -> OutputLabels:
    """Return the user's labels, else those in a file; none where these cannot be read.

    Args:
        file: A model's file.
        given: The user's labels, if any.
    """
    if given.names:
        return given
    try:
        return OutputLabels(file.labels or (), f"the labels packed in {file.label}")
    except InputError:
        return NO_LABELS


@dataclass(frozen=True)
class ModelOutputs:
    """What is known of the outputs of a model that scores classes.

    Args:
        count: Number of outputs.
        known: Labels of the outputs. Those of a file that are not as many as its outputs tell
            nothing and are left out.
        model: What messages call the model.

    Raises:
        InputError: The user's labels are not as many as the outputs.
    """

    count: int
    known: OutputLabels = NO_LABELS
    model: str = "the model"

    def __post_init__(self) -> None:
        """Check the number of the user's labels."""
        if self.known.given:
            check_label_count(self.known.names, self.count, self.known.source)

    @property
    def labels(self) -> tuple[str, ...]:
        """Label of each output; empty where there are none."""
        return self.known.names if len(self.known.names) == self.count else ()

    @property
    def labels_from(self) -> str:
        """Where the labels are from, for messages; empty where there are none."""
        return self.known.source if self.labels else ""
