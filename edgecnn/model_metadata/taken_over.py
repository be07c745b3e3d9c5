"""What a source's own file says of itself, taken over into the files that are made of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection

from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.flatbuffer_tables import Tree
from edgecnn.model_metadata.public_metadata import LABEL_TYPES, ModelMetadata
from edgecnn.model_metadata.user_metadata import About
from edgecnn.tflite.outputs import row_length

Merge = Callable[[Tree, Tree], Tree]
"""Makes the metadata of a tensor of the source's and of ours."""

OWN_DESCRIPTION = "by edgecnn."
"""How a description ends that edgecnn wrote itself, of the file that it stands in alone."""


class SourceMetadata:
    """The metadata, labels and packed files of a source.

    Args:
        file: The source's file; None for a source that says nothing of itself.
        without: Names of packed files that are about the source alone.

    Raises:
        InputError: What the file says of itself is broken.

    Example:
        >>> SourceMetadata(DescribedFile("model.tflite")).about(About(author="Ada")).license
        'Apache-2.0'
    """

    def __init__(self, file: DescribedFile | None, without: Collection[str] = ()) -> None:
        self._file = file
        self._metadata = (file.metadata if file else None) or ModelMetadata()
        self._tree: Tree = (file.metadata_tree if file else None) or {}
        self._packed = {
            name: content
            for name, content in (file.packed_files if file else {}).items()
            if name not in without
        }

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The labels of the classes; None where the source has none, or not one for each class."""
        if self._file is None or self._file.labels is None:
            return None
        labels = self._file.labels
        return labels if len(labels) == row_length(self._file.model) else None

    @property
    def label_files(self) -> set[str]:
        """Names of the packed files with labels of outputs."""
        return {name for tensor in self._metadata.outputs for name in tensor.label_files}

    @property
    def weights(self) -> str | None:
        """Where the weights are from, as edgecnn wrote it into the file; None where it did not."""
        weights = (self._file.model.edgecnn or {}).get("weights") if self._file else None
        return weights if isinstance(weights, str) else None

    @property
    def label(self) -> str:
        """The source's name for messages."""
        return self._file.label if self._file else ""

    def about(self, given: About) -> About:
        """Return what the user says of the model, and what the source says beyond that.

        Labels are the user's alone: :attr:`labels` has the source's.
        """
        said, description = self._metadata, self._metadata.description
        if self._file is not None and self._file.model.edgecnn is not None:
            description = "" if description.endswith(OWN_DESCRIPTION) else description
        return dataclasses.replace(
            given,
            author=given.author or said.author,
            license=given.license or said.license,
            version=given.version or said.version,
            description=given.description or description,
        )

    def packed(self, *, with_labels: bool) -> dict[str, bytes]:
        """Return the packed files that stay: name -> content.

        Args:
            with_labels: Whether the labels of the outputs stay.
        """
        gone = set() if with_labels else self.label_files
        return {name: content for name, content in self._packed.items() if name not in gone}

    def merged(self, ours: ModelMetadata, *, with_labels: bool) -> Tree:
        """Return the public metadata of a file that is made of the source.

        Texts and the normalisation of inputs are ours; what else the source says stays, such as
        boxes, thresholds and the settings of a task.

        Args:
            ours: The metadata without those of the source, but for :meth:`about`.
            with_labels: Whether the source's labels of the outputs stay.
        """
        new = ours.to_tree()
        if not self._tree:
            return new
        graph, graphs = new["subgraph_metadata"][0], self._tree.get("subgraph_metadata", ())
        old = graphs[0] if graphs else {}
        merged = {
            **old,
            "input_tensor_metadata": _paired(old, graph, "input_tensor_metadata", _input),
            "output_tensor_metadata": _paired(
                old, graph, "output_tensor_metadata", _output if with_labels else _relabelled
            ),
        }
        kept = self.packed(with_labels=with_labels)
        listed = self._tree.get("associated_files", ())
        files = {file.get("name"): file for file in listed if file.get("name") in kept}
        files |= {file["name"]: file for file in new.get("associated_files", ())}
        tree = {
            **self._tree,
            **new,
            "name": self._tree.get("name") or new.get("name", ""),
            "subgraph_metadata": (merged, *graphs[1:]),
            "associated_files": tuple(files.values()),
        }
        return {field: value for field, value in tree.items() if value}


def _paired(old: Tree, new: Tree, side: str, merge: Merge) -> tuple[Tree, ...]:
    """Return the metadata of inputs or outputs, ours where the source describes other ones."""
    theirs, ours = old.get(side, ()), new.get(side, ())
    if len(theirs) != len(ours):
        return tuple(ours)
    return tuple(merge(one, other) for one, other in zip(theirs, ours, strict=True))


def _input(theirs: Tree, ours: Tree) -> Tree:
    """Return an input's metadata: its values are as ours say, its name and files stay."""
    units = theirs.get("process_units", ())
    others = [unit for unit in units if unit.get("options", ("",))[0] != "NormalizationOptions"]
    merged = {
        **theirs,
        **ours,
        "name": theirs.get("name") or ours.get("name"),
        "process_units": (*others, *ours.get("process_units", ())),
    }
    return {field: value for field, value in merged.items() if value}


def _output(theirs: Tree, ours: Tree) -> Tree:
    """Return an output's metadata: the source's, and ours where it says nothing."""
    return {**ours, **theirs}


def _relabelled(theirs: Tree, ours: Tree) -> Tree:
    """Return an output's metadata with our labels in the place of the source's."""
    files = theirs.get("associated_files", ())
    others = tuple(file for file in files if file.get("type") not in LABEL_TYPES)
    merged = {
        **_output(theirs, ours),
        "associated_files": (*ours.get("associated_files", ()), *others),
    }
    return {field: value for field, value in merged.items() if value}
