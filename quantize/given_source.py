"""What a caller of Python gave as a model: a name, a path, or a model in memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted, sha256_of, writing
from edgecnn.core.temporary import temporary_folder
from edgecnn.importing.custom_objects import CustomObjects
from edgecnn.importing.formats.traced_graph import GRAPH, hand_over
from edgecnn.importing.in_memory import loaded_here, name_of, traced_in_memory
from edgecnn.importing.input_format import Source
from edgecnn.importing.sources import find_source
from edgecnn.quantize.provenance import sha256_of_weights
from edgecnn.tflite.calls import CallOptions


@dataclass(frozen=True)
class GivenSource:
    """A model that is to be converted.

    Args:
        source: What a child loads.
        weights_sha256: SHA-256 of the weights of a model in memory; None for a name or a path.
    """

    source: Source
    weights_sha256: str | None = None


def given_source(
    model: Any,
    stack: ExitStack,
    *,
    trust: bool,
    size: tuple[int, int] | None,
    signature: str | None,
    input_shapes: Mapping[str, Sequence[int]] | None,
    custom_objects: CustomObjects | None,
) -> GivenSource:
    """Find out what was given as a model, and make it ready for a child.

    A model in memory is traced in this process, and so is a file whose ``custom_objects`` are
    objects of this process.

    Args:
        model: A name, a path, or a model in memory.
        stack: What is made for the child lasts as long as this.
        trust: Whether code in a file may run.
        size: (height, width) of a model's images in pixels, where the user chose them.
        signature: Name of a signature, where the user chose one.
        input_shapes: Name of an input -> the shape that the user chose.
        custom_objects: What a Keras file names.

    Raises:
        InputError: There is no such model, or a choice does not go with it.
    """
    if isinstance(model, str | Path):
        if isinstance(custom_objects, Mapping):
            source, loaded = loaded_here(str(model), custom_objects, size, trust=trust)
            call = CallOptions(size, input_shapes or {}, signature)
            traced = traced_source(loaded, source.name, call, _folder(stack))
            return GivenSource(traced, sha256_of_weights(loaded))
        source = find_source(str(model), trust=trust, custom_objects=custom_objects)
        return GivenSource(source.with_choices(signature, custom_objects, input_shapes))
    if custom_objects is not None:
        raise InputError("--custom-objects is for files: a model in memory has its own")
    if _is_of_another_backend(model):
        return _saved(model, trust=trust, folder=_folder(stack))
    call = CallOptions(size, input_shapes or {}, signature)
    source = traced_source(model, name_of(model), call, _folder(stack))
    has_weights = hasattr(model, "get_weights")
    graph = Path(source.path) / GRAPH
    return GivenSource(source, sha256_of_weights(model) if has_weights else sha256_of(graph))


def traced_source(model: Any, name: str, options: CallOptions, folder: Path) -> Source:
    """Trace a model in memory, and return the source that a child loads.

    Args:
        model: The model, as ``traced_in_memory`` takes it.
        name: What the model is called in messages and results.
        options: What the user says of open shapes.
        folder: An empty folder for the graph, which the child reads.

    Raises:
        InputError: It is no model, or cannot be traced.
    """
    graph, loaded = traced_in_memory(model, quoted(name), options)
    return hand_over(graph, loaded, name, folder)


def _folder(stack: ExitStack) -> Path:
    return stack.enter_context(temporary_folder())


def _is_of_another_backend(model: Any) -> bool:
    """Say whether a model is one of Keras 3 that TensorFlow cannot trace in this process."""
    loaded = sys.modules.get("keras")
    return (
        loaded is not None
        and isinstance(model, loaded.Model)
        and loaded.config.backend() != "tensorflow"
    )


def _saved(model: Any, *, trust: bool, folder: Path) -> GivenSource:
    """Save a model of another backend of Keras, from which a child loads it with TensorFlow."""
    name = f"{name_of(model)}.keras"
    path = folder / "model.keras"
    with writing(path):
        model.save(path)
    try:
        source = find_source(str(path), trust=trust)
    except InputError as error:
        raise InputError(str(error).replace(quoted(path), quoted(name))) from error
    return GivenSource(replace(source, name=name, location=str(path)), sha256_of_weights(model))
