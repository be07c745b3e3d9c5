"""What a caller of Python gave as a model: a name, a path, or a model in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted, sha256_of, writing
from edgecnn.core.input_files import open_input
from edgecnn.core.temporary import temporary_folder
from edgecnn.importing.custom_code import known_names
from edgecnn.importing.custom_objects import found_by_keras, names_in_files
from edgecnn.importing.formats.traced_graph import GRAPH, hand_over
from edgecnn.importing.in_memory import name_of, traced_in_memory
from edgecnn.importing.input_format import LoadOptions, Source
from edgecnn.importing.sources import find_source, format_of
from edgecnn.quantize.provenance import sha256_of_weights
from edgecnn.tflite.calls import CallOptions

CustomObjects = str | Path | Mapping[str, Any]
"""A Python file with classes and functions, or these under their names."""


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

        def found(file: str | Path | None) -> Source:
            source = find_source(str(model), trust=trust)
            if custom_objects is not None:
                _check_names_code(source)
            return source.with_choices(signature, file, input_shapes)

        if isinstance(custom_objects, Mapping):
            return _with_objects(found, custom_objects, size, stack)
        source = found(custom_objects)
        _check_file(source)
        return GivenSource(source)
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


def _check_names_code(source: Source) -> None:
    """Raise InputError for a model that needs no custom objects."""
    if not format_of(source).names_code:
        raise InputError(
            f"--custom-objects goes with a Keras file, whose code it defines, and not with "
            f"{quoted(source.name)}: leave it out"
        )


def _check_file(source: Source) -> None:
    """Raise InputError if the file of a source's custom objects may not be executed."""
    path = source.custom_objects
    if path is None:
        return
    try:
        open_input(Path(path)).close()
    except OSError as error:
        raise InputError(f"cannot read {quoted(path)}: {error.strerror}") from error
    if not source.trust:
        raise InputError(
            f"--custom-objects executes {quoted(path)}: add --trust if you know what it does"
        )


def _with_objects(
    find: Callable[[None], Source],
    objects: Mapping[str, Any],
    size: tuple[int, int] | None,
    stack: ExitStack,
) -> GivenSource:
    """Load a Keras file in this process, where its custom objects are, and trace it."""
    # Keras reads it when it is imported.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with known_names(names_in_files(objects)), found_by_keras(objects):
        source = find(None)
        model, _ = format_of(source).keras_model(source, LoadOptions(size, {}))
    traced = traced_source(model, source.name, source.call(size), _folder(stack))
    return GivenSource(traced, sha256_of_weights(model))


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
