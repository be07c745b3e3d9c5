"""The interface of an input format: how a model in it is recognised, identified and loaded."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, quoted, sha256_of
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.models.build_options import BuildOptions
from edgecnn.models.checkpoints import DownloadProgress
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.graph import Graph


class FloatGraph(Protocol):
    """A loaded model's way to its float32 graph."""

    def __call__(self, normalization: InputSpec | None, /) -> Graph:
        """Return the model's float32 graph, which may be changed.

        Args:
            normalization: The normalisation of pixels that goes into the graph, which then takes
                what ``InputSpec.centered`` says; None for a graph that takes its input as the
                model does.

        Raises:
            ConversionError: The model cannot become such a graph.
        """

    def channel_map(self) -> ChannelMap | None:
        """Return what the model makes of the channels of its image before it mixes pixels.

        Returns:
            The map; None where that is not known, and for a model that takes no image.
        """


@dataclass(frozen=True)
class Source:
    """A model to convert, as the user named it.

    Args:
        kind: Name of the model's format in ``sources.INPUT_FORMATS``.
        name: The architecture's name, or the path that the user gave.
        trust: Whether code in the file may run.
        signature: Name of the signature to convert; None for the only one, or the usual one.
        custom_objects: A Python file with the classes and functions that a Keras model names.
        input_shapes: Name of an input of open shape -> the shape that it gets, with the batch; an
            empty name stands for the only open input.
        location: Where the model lies, if the name is no path: a model in memory has a name, and
            what a child reads of it is in a temporary folder, which no message shows.
    """

    kind: str
    name: str
    trust: bool = False
    signature: str | None = None
    custom_objects: str | None = None
    input_shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    location: str | None = None

    @property
    def path(self) -> str:
        """The file or folder that the model is read from; an architecture's name is none."""
        return self.location or self.name

    def with_choices(
        self,
        signature: str | None,
        custom_objects: str | Path | None,
        input_shapes: Mapping[str, Sequence[int]] | None,
    ) -> Source:
        """Return the source with what the user chose of it."""
        shapes = {name: tuple(shape) for name, shape in (input_shapes or {}).items()}
        file = None if custom_objects is None else str(custom_objects)
        return replace(self, signature=signature, custom_objects=file, input_shapes=shapes)

    def call(self, size: tuple[int, int] | None) -> CallOptions:
        """Return how the model is called, for a (height, width) of its images in pixels."""
        return CallOptions(size, self.input_shapes, self.signature)


@dataclass(frozen=True)
class NamedModel:
    """What a user named, looked at from outside.

    Args:
        text: The name or path, as the user wrote it.
        is_folder: Whether the path leads to a folder.
        head: The first 8 bytes of a file; empty for a folder, and where nothing is at the path.
    """

    text: str
    is_folder: bool = False
    head: bytes = b""

    @property
    def path(self) -> Path:
        """The text as a path."""
        return Path(self.text)

    @property
    def exists(self) -> bool:
        """Whether there is a file or a folder at the path."""
        return self.is_folder or bool(self.head)


@dataclass(frozen=True)
class LoadOptions:
    """How a child loads a model.

    Args:
        size: Height and width that the user chose, in pixels; None for the model's own.
        build: Arguments of ``edgecnn.build``, for an architecture.
        on_progress: Told (bytes done, bytes in all) while weights are downloaded.
    """

    size: tuple[int, int] | None
    build: Mapping[str, Any]
    on_progress: DownloadProgress = lambda done, total: None


@dataclass(frozen=True)
class ModelTensor:
    """An input or an output of a model.

    Args:
        name: The model's own name of it, by which programs call it.
        shape: The shape with the batch, where all sides are known: ``(1, 224, 224, 3)``.
        dtype: The element type: ``"float32"``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class LoadedModel:
    """A model that a child has loaded, ready to become float graphs.

    Args:
        float_graph: Makes the model's float32 graph.
        inputs: The model's inputs, in its own order, which is that of the graph.
        outputs: The model's outputs, in its own order, which is that of the graph.
        has_signatures: Whether the graph has the model's signatures already; else it gets one with
            the names of its inputs and outputs.
        notes: What a user should know of how the model was loaded, one line each.
        layers: The layers, as ``layer_names.traced_layers`` returns them; empty where the names
            of layers are not known.
        spec: What the model itself says that it takes of images; None where it says nothing.
    """

    float_graph: FloatGraph
    inputs: tuple[ModelTensor, ...]
    outputs: tuple[ModelTensor, ...]
    notes: tuple[str, ...] = ()
    layers: Mapping[str, TracedLayer] = field(default_factory=dict)
    has_signatures: bool = False
    spec: InputSpec | None = None


class InputFormat(ABC):
    """A format that models come in; every decision that depends on the format is made here.

    A format of files only has to say :attr:`called`, :meth:`recognizes` and :meth:`load`.
    :meth:`load` and :meth:`keras_model` run in a child, the other methods in the user's process.
    """

    needs_tensorflow = True
    """Whether a child that loads a model in this format needs TensorFlow."""

    names_code = False
    """Whether a model may name classes and functions that its file does not hold."""

    called: str
    """What messages call the format: a file's ending (``".h5"``), or a noun with its article."""

    @abstractmethod
    def recognizes(self, model: NamedModel) -> bool:
        """Say whether a model seems to be in this format; nothing of the model is run."""

    @abstractmethod
    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        """Load a model.

        Raises:
            InputError: The model cannot be loaded, or leaves a shape open.
        """

    def check(self, model: NamedModel, *, trust: bool) -> None:  # noqa: B027 (mostly nothing)
        """Raise InputError for a broken file, or for one whose own code is not trusted.

        What only a child can see, :meth:`load` refuses before anything of the model runs.
        """

    def keras_model(self, source: Source, options: LoadOptions) -> tuple[Any, list[str]]:
        """Return the model as a Keras model without auxiliary classifiers, and notes on loading it.

        Raises:
            InputError: The model cannot be loaded, or the format holds no Keras model.
        """
        raise InputError(
            f"{quoted(source.name)} is no Keras model, which would show its layers: convert it "
            "and give the .tflite file"
        )

    def stem(self, name: str, options: BuildOptions) -> str:
        """Return the name of a model's output files, without the scheme and the ending."""
        return output_stem(Path(name))

    def check_options(self, name: str, options: BuildOptions) -> None:
        """Raise InputError if an option of building does not fit the model."""
        options.refuse_for_file(quoted(name))

    def input_spec(self, name: str, options: BuildOptions) -> InputSpec | None:
        """Return what the model expects of its images; None where the user has to say it."""
        return None

    def described(self, name: str) -> DescribedFile | None:
        """Return the file that says of itself what its files shall say, too; None without one.

        Raises:
            InputError: The file is broken.
        """
        return None

    def classes(self, name: str, options: BuildOptions) -> int | None:
        """Return the number of classes; None where it is not known before the model is loaded."""
        return None

    def weights_origin(self, options: BuildOptions) -> str:
        """Return ``"random"``, ``"imagenet"``, a file of weights, or ``"own"`` for the user's."""
        return "own"

    def identity(self, name: str, options: BuildOptions) -> dict[str, Any]:
        """Return what identifies the model whatever folder it is in, as plain values for JSON."""
        return {"sha256": sha256_of(Path(name))}


def output_stem(path: Path) -> str:
    """Return what a model's files are named after, in characters that shells and apps take.

    Example:
        >>> output_stem(Path("my model.keras"))
        'my_model'
    """
    stem = path.resolve().name if exists(path) and path.is_dir() else path.stem
    return re.sub(r"[^\w.\-]+", "_", stem).strip("._-") or "model"
