"""What the formats of Keras models share: from a Keras model to what can be traced (in a child)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.custom_objects import executed_objects
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    ModelTensor,
    Source,
)
from edgecnn.importing.keras_call import KerasCall
from edgecnn.importing.layer_names import traced_layers
from edgecnn.importing.load_failures import cause_of
from edgecnn.importing.model_inputs import image_shape, known_inputs
from edgecnn.importing.tracing import ModelCall, TracedGraph, model_tensors, traced_graph
from edgecnn.models.layers import AUXILIARY
from edgecnn.models.remembered_input import remembered_spec
from edgecnn.tflite.calls import CallOptions

keras = LazyModule("keras", extra="convert")


class KerasFormat(InputFormat):
    """A format from which :meth:`keras_model` makes a Keras model."""

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        """Load a model as a Keras model, and make it ready to be traced."""
        model, notes = self.keras_model(source, options)
        label = quoted(source.name)
        return loaded_model(KerasCall(model, label), source.call(options.size), label, notes)


class SavedKerasFormat(KerasFormat):
    """A file in which Keras saved a whole model."""

    names_code = True

    @abstractmethod
    def read(self, path: str, *, trust: bool) -> tuple[Any, list[str]]:
        """Return the Keras model in a file, and notes on what was changed to load it.

        Args:
            path: The file.
            trust: Whether code in the file may run.

        Raises:
            Exception: Whatever Keras raises for a file that it cannot read.
        """

    def keras_model(self, source: Source, options: LoadOptions) -> tuple[Any, list[str]]:
        """Read the file, and drop what only training uses."""
        label = quoted(source.name)
        with explained(label), executed_objects(source.custom_objects), without_compiling():
            model, notes = self.read(source.path, trust=source.trust)
        if not model.built:
            raise InputError(f"{label} was never built: save it after it has seen an input")
        model, more = without_auxiliary(model)
        return model, [*notes, *more]


@contextmanager
def without_compiling() -> Iterator[None]:
    """Have Keras load models without loss, metrics and optimizer, also models within models.

    ``compile=False`` leaves the outermost model alone uncompiled.
    """
    keras.Model.compile_from_config = lambda self, config: None
    try:
        yield
    finally:
        del keras.Model.compile_from_config  # The base class has it.


@contextmanager
def explained(label: str) -> Iterator[None]:
    """Raise InputError for whatever a library raises while it loads the file ``label``."""
    try:
        yield
    except EdgecnnError:
        raise
    except Exception as error:
        raise InputError(f"{label} cannot be loaded: {cause_of(error)}") from error


def without_auxiliary(model: Any) -> tuple[Any, list[str]]:
    """Drop the outputs that only training uses, and with them the layers that lead to them."""
    names = getattr(model, "output_names", [])
    dropped = [name for name in names if name.startswith(AUXILIARY)]
    if not dropped or len(dropped) == len(names):
        return model, []
    outputs = [model.outputs[index] for index, name in enumerate(names) if name not in dropped]
    note = f"dropped {len(dropped)} outputs that only training uses: {', '.join(dropped)}"
    return keras.Model(model.inputs, outputs, name=model.name), [note]


def loaded_model(
    call: KerasCall, options: CallOptions, label: str, notes: Sequence[str] = ()
) -> LoadedModel:
    """Return a Keras model that is traced; the model stays as it is.

    Args:
        call: The model.
        options: What the user says of open shapes.
        label: The model's name for messages.
        notes: What a user should know of how it was loaded, one line each.

    Raises:
        InputError: A shape is open, or the model was never built.
    """
    model = call.model
    inputs, traced = _traced(call, known_inputs(call.inputs, options, label))
    outputs = call.outputs(inputs)
    shape = image_shape(inputs)
    return LoadedModel(
        float_graph=traced,
        inputs=model_tensors([each.name for each in inputs], traced.graph.inputs),
        outputs=model_tensors([each.name for each in outputs], traced.graph.outputs),
        notes=(*notes, *traced.notes),
        layers=traced_layers(model),
        spec=remembered_spec(model, shape) if shape else None,
    )


def _traced(
    call: ModelCall, inputs: tuple[ModelTensor, ...]
) -> tuple[tuple[ModelTensor, ...], TracedGraph]:
    """Trace a model, with a batch of 1 where it was built for more, if it takes that.

    A Keras model can be called with any batch, and so its own layers say what a single sample
    becomes. A SavedModel and a ``.tflite`` file are graphs that were made for their batch, which
    :mod:`edgecnn.importing.freezing.one_sample` and :mod:`edgecnn.importing.graphs.batches` change.
    """
    batches = {each.shape[:1] for each in inputs}
    if len(batches) == 1 and not batches & {(), (1,)}:
        single = tuple(replace(each, shape=(1, *each.shape[1:])) for each in inputs)
        # Keras and TensorFlow raise whatever a layer of a fixed batch runs into.
        with suppress(Exception):
            traced = traced_graph(call, single)
            if all(len(each.shape) > 0 and each.shape[0] == 1 for each in traced.graph.outputs):
                return single, traced
    return inputs, traced_graph(call, inputs)
