"""The metadata of a file as two dataclasses, and the way to and from the public schema's tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.model_metadata.flatbuffer_tables import Tree
from edgecnn.model_metadata.schema import COLOR_SPACES, TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS

LABEL_TYPES = (TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS)


@dataclass(frozen=True)
class TensorMetadata:
    """What the metadata says of one input or output.

    Args:
        name: For people and generated code.
        description: One or two sentences.
        mean: One value, or one a channel, in the units of a pixel (0..255); a float input is
            ``(pixel - mean) / std``. None where nothing is said.
        std: The same, for the deviation.
        color_space: ``"RGB"``, ``"GRAYSCALE"``, or None where it is no image.
        minimum: Least value, one for all or one a channel.
        maximum: Greatest value.
        label_files: Names of the packed files with one label a line.
    """

    name: str = ""
    description: str = ""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    color_space: str | None = None
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()
    label_files: tuple[str, ...] = ()

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> TensorMetadata:
        """Read a ``TensorMetadata`` table."""
        options = dict(unit["options"] for unit in tree.get("process_units", ()) if unit)
        normalization = options.get("NormalizationOptions", {})
        kind, properties = tree.get("content", {}).get("content_properties", ("", {}))
        spaces = {number: name for name, number in COLOR_SPACES.items()}
        is_image = kind == "ImageProperties"
        return cls(
            name=tree.get("name", ""),
            description=tree.get("description", ""),
            mean=normalization.get("mean"),
            std=normalization.get("std"),
            color_space=spaces.get(properties.get("color_space")) if is_image else None,
            minimum=tree.get("stats", {}).get("min", ()),
            maximum=tree.get("stats", {}).get("max", ()),
            label_files=tuple(
                file["name"]
                for file in tree.get("associated_files", ())
                if file.get("type") in LABEL_TYPES and file.get("name")
            ),
        )

    def to_tree(self) -> Tree:
        """Return a ``TensorMetadata`` table."""
        tree: Tree = {"name": self.name, "description": self.description}
        if self.color_space is not None:
            image = {"color_space": COLOR_SPACES[self.color_space]}
            tree["content"] = {"content_properties": ("ImageProperties", image)}
        else:
            tree["content"] = {"content_properties": ("FeatureProperties", {})}
        if self.mean is not None and self.std is not None:
            tree["process_units"] = (normalization_unit(self.mean, self.std),)
        if self.minimum or self.maximum:
            tree["stats"] = {"max": self.maximum, "min": self.minimum}
        if self.label_files:
            tree["associated_files"] = tuple(label_file(name) for name in self.label_files)
        return {field: value for field, value in tree.items() if value}


@dataclass(frozen=True)
class AssociatedFile:
    """A packed file as the metadata lists it; ``description`` is one or two sentences, or empty."""

    name: str
    description: str = ""

    def to_tree(self) -> Tree:
        """Return an ``AssociatedFile`` table."""
        tree = {"name": self.name, "description": self.description}
        return {field: value for field, value in tree.items() if value}


@dataclass(frozen=True)
class ModelMetadata:
    """What the metadata says of a file.

    Args:
        name: Of the model.
        description: One or two sentences.
        version: Of the model, as its author counts.
        author: Who made it.
        license: Its name or its text.
        min_parser_version: The oldest version of the schema that knows all that is used; it is
            worked out when the metadata is written.
        inputs: In the order of the file's own inputs.
        outputs: In the order of the file's own outputs.
        files: All packed files that the metadata lists.
    """

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    min_parser_version: str = ""
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    files: tuple[AssociatedFile, ...] = ()

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> ModelMetadata:
        """Read a ``ModelMetadata`` table."""
        graph: Tree = next(iter(tree.get("subgraph_metadata", ())), {})
        texts = ("name", "description", "version", "author", "license", "min_parser_version")
        return cls(
            **{text: tree.get(text, "") for text in texts},
            inputs=_tensors(graph.get("input_tensor_metadata", ())),
            outputs=_tensors(graph.get("output_tensor_metadata", ())),
            files=tuple({file.name: file for file in listed_files(tree)}.values()),
        )

    def to_tree(self) -> Tree:
        """Return a ``ModelMetadata`` table; files of no tensor are listed at its top."""
        of_tensors = {
            name for tensor in (*self.inputs, *self.outputs) for name in tensor.label_files
        }
        graph = {
            "input_tensor_metadata": tuple(tensor.to_tree() for tensor in self.inputs),
            "output_tensor_metadata": tuple(tensor.to_tree() for tensor in self.outputs),
        }
        tree: Tree = {
            "name": self.name,
            "description": self.description,
            "version": self.version,
            "subgraph_metadata": ({field: value for field, value in graph.items() if value},),
            "author": self.author,
            "license": self.license,
            "associated_files": tuple(
                file.to_tree() for file in self.files if file.name not in of_tensors
            ),
        }
        return {field: value for field, value in tree.items() if value}


def normalization_unit(mean: tuple[float, ...], std: tuple[float, ...]) -> Tree:
    """Return the ``ProcessUnit`` of a float input: a pixel becomes ``(pixel - mean) / std``."""
    return {"options": ("NormalizationOptions", {"mean": mean, "std": std})}


def label_file(name: str) -> Tree:
    """Return the ``AssociatedFile`` of a packed file with one label a line."""
    return {"name": name, "type": TENSOR_AXIS_LABELS}


def listed_files(tree: Any) -> Iterator[AssociatedFile]:
    """Yield every associated file that a tree lists, wherever it stands."""
    if isinstance(tree, tuple):
        for each in tree:
            yield from listed_files(each)
    elif isinstance(tree, dict):
        for field, value in tree.items():
            if field in ("associated_files", "vocab_file", "sentencePiece_model"):
                yield from (
                    AssociatedFile(file["name"], file.get("description", ""))
                    for file in value
                    if file.get("name")
                )
            else:
                yield from listed_files(value)


def _tensors(trees: tuple[Tree, ...]) -> tuple[TensorMetadata, ...]:
    return tuple(TensorMetadata.from_tree(tree) for tree in trees)
