"""A model that lives in this process: traced and frozen here, and converted in a child.

The model stays as it is. Its objects cannot travel, so what does is its graph
(:mod:`edgecnn.importing.formats.traced_graph`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.custom_code import known_names
from edgecnn.importing.custom_objects import found_by_keras, names_in_files
from edgecnn.importing.input_format import LoadedModel, LoadOptions, Source
from edgecnn.importing.keras_call import KerasCall
from edgecnn.importing.keras_models import loaded_model, without_auxiliary
from edgecnn.importing.load_failures import cause_of
from edgecnn.importing.model_inputs import known_inputs
from edgecnn.importing.sources import check_names_code, find_source, format_of
from edgecnn.importing.tracing import ModelCall, TracedGraph, model_tensors, traced_graph
from edgecnn.tflite.calls import CallOptions

tf = LazyModule("tensorflow", extra="convert")

Stated = tuple[str, tuple[int | None, ...], str]
"""Name, shape with the batch, and element type of an input."""


def traced_in_memory(model: Any, label: str, options: CallOptions) -> tuple[Any, LoadedModel]:
    """Trace a model where it lives.

    Args:
        model: A model of Keras 3 or of tf_keras, of whatever classes; or a ``tf.function``, a
            concrete function or a ``tf.Module`` that is called.
        label: The model's name for messages.
        options: What the user says of open shapes.

    Returns:
        Its TensorFlow graph without variables, and what is known of the model.

    Raises:
        InputError: It is none of these, was never built or called, leaves a shape open, or cannot
            be traced.
    """
    try:
        return _described(model, options, label)
    except EdgecnnError:
        raise
    except Exception as error:
        # Whatever the model's own code raises; its traceback says where.
        raise InputError(f"{label} cannot be traced: {cause_of(error)}") from error


def loaded_here(
    text: str, objects: Mapping[str, Any], size: tuple[int, int] | None, *, trust: bool
) -> tuple[Source, Any]:
    """Load a Keras file in this process, where the classes and functions are that it names.

    Args:
        text: The file.
        objects: The classes and functions by their names.
        size: (height, width) in pixels that the user chose; None for the model's own.
        trust: Whether code in the file may run.

    Returns:
        The file as a source, and its Keras model.

    Raises:
        InputError: The file cannot be loaded, or is none of Keras.
    """
    # Keras reads it when it is imported.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with known_names(names_in_files(objects)), found_by_keras(objects):
        source = find_source(text, trust=trust)
        check_names_code(source)
        return source, format_of(source).keras_model(source, LoadOptions(size, {}))[0]


def name_of(model: Any) -> str:
    """Return what a model in memory is called: its own name, or that of its class."""
    name = getattr(model, "name", None) or getattr(model, "__name__", None)
    if isinstance(name, bytes):
        # TensorFlow calls a traced function b"__inference_NAME_17".
        return re.sub(r"^__inference_|_\d+$", "", name.decode(errors="replace"))
    return str(name) if name else type(model).__name__


def _described(model: Any, options: CallOptions, label: str) -> tuple[Any, LoadedModel]:
    """Return a model's graph, and what is known of it."""
    if _is_a(model, "keras", "Model"):
        answering, notes = without_auxiliary(model)
        loaded = loaded_model(KerasCall(answering, label), options, label, notes)
        assert isinstance(loaded.float_graph, TracedGraph)
        return loaded.float_graph.graph, loaded
    if _is_a(model, "tf_keras", "Model"):
        call, stated = _keras2_call(model, label)
    else:
        call, stated = _function_call(model)
    inputs = known_inputs(stated, options, label)
    traced = traced_graph(call, inputs)
    answers = traced.graph.outputs
    names = ["output"] if len(answers) == 1 else [f"output_{n}" for n in range(len(answers))]
    loaded = LoadedModel(
        traced,
        model_tensors([each.name for each in inputs], traced.graph.inputs),
        model_tensors(names, answers),
        notes=traced.notes,
    )
    return traced.graph, loaded


def _is_a(model: Any, module: str, name: str) -> bool:
    """Say whether an object is of a class of a module that this process may have imported."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(model, getattr(loaded, name))


def _keras2_call(model: Any, label: str) -> tuple[ModelCall, list[Stated]]:
    """Return the call of a model of tf_keras, and what its inputs are."""
    structure = getattr(model, "input", None) if getattr(model, "inputs", None) else None
    if structure is None:
        structure = getattr(model, "_saved_model_inputs_spec", None)
    if structure is None:
        raise InputError(f"{label} was never built: call it on an input first")

    def call(*tensors: Any) -> Any:
        packed = tf.nest.pack_sequence_as(structure, list(tensors))
        return tf.nest.flatten(model(packed, training=False))

    return call, [_stated(each, number) for number, each in enumerate(tf.nest.flatten(structure))]


def _function_call(model: Any) -> tuple[ModelCall, list[Stated]]:
    """Return the call of a function of TensorFlow, and what its inputs are."""
    concrete = _concrete(model)
    if concrete is None:
        raise InputError(
            f"cannot convert a {type(model).__name__}: give a Keras model, a tf.function with an "
            "input signature, a name or a path"
        )
    signature = concrete.structured_input_signature
    flat = tf.nest.flatten(signature, expand_composites=True)
    tensors = [each for each in flat if isinstance(each, tf.TensorSpec)]

    def call(*given: Any) -> Any:
        left = iter(given)
        taken = [next(left) if isinstance(each, tf.TensorSpec) else each for each in flat]
        arguments, keywords = tf.nest.pack_sequence_as(signature, taken)
        return tf.nest.flatten(concrete(*arguments, **keywords))

    return call, [_stated(each, number) for number, each in enumerate(tensors)]


def _concrete(model: Any) -> Any | None:
    """Return the one concrete function that an object of TensorFlow is called by; else None."""
    if "tensorflow" not in sys.modules:
        return None
    function = model if hasattr(model, "get_concrete_function") else None
    if function is None and isinstance(model, tf.Module):
        function = getattr(model, "__call__", None)  # noqa: B004 (a tf.function, not just callable)
    if hasattr(model, "structured_input_signature"):
        return model
    if function is None or getattr(function, "input_signature", None) is None:
        return None
    return function.get_concrete_function()


def _stated(tensor: Any, number: int) -> Stated:
    """Return name, shape and element type of a tensor or of its specification."""
    name = str(getattr(tensor, "name", None) or f"input_{number}").partition(":")[0]
    return name, tuple(tensor.shape), tensor.dtype.name
