"""What the formats of Keras models share: from a Keras model to what can be traced (in a child)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    ModelTensor,
    Source,
)
from edgecnn.importing.layer_names import keep_layer_names
from edgecnn.importing.model_inputs import known_inputs
from edgecnn.importing.tracing import ModelCall, freeze, traced_graph
from edgecnn.models.cost import inner_layers
from edgecnn.models.layers import AUXILIARY
from edgecnn.tflite.calls import CallOptions

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")


class KerasFormat(InputFormat):
    """A format from which :meth:`keras_model` makes a Keras model."""

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        """Load a model as a Keras model, and make it ready to be traced."""
        model, notes = self.keras_model(source, options)
        return _loaded(model, source.call(options.size), quoted(source.name), notes)


class SavedKerasFormat(KerasFormat):
    """A file in which Keras saved a whole model."""

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
        with explained(label):
            model, notes = self.read(source.name, trust=source.trust)
        # An unbuilt Sequential has no such attribute.
        if not getattr(model, "inputs", None):
            raise InputError(f"{label} was never built: save it after it has seen an input")
        model, more = _without_auxiliary(model)
        return model, [*notes, *more]


@contextmanager
def explained(label: str) -> Iterator[None]:
    """Raise InputError for whatever a library raises while it loads the file ``label``."""
    try:
        yield
    except EdgecnnError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{label} cannot be loaded: {reason}") from error


def _without_auxiliary(model: Any) -> tuple[Any, list[str]]:
    """Drop the outputs that only training uses, and with them the layers that lead to them."""
    names = getattr(model, "output_names", [])
    dropped = [name for name in names if name.startswith(AUXILIARY)]
    if not dropped or len(dropped) == len(names):
        return model, []
    outputs = [model.outputs[index] for index, name in enumerate(names) if name not in dropped]
    note = f"dropped {len(dropped)} outputs that only training uses: {', '.join(dropped)}"
    return keras.Model(model.inputs, outputs, name=model.name), [note]


def _loaded(model: Any, options: CallOptions, label: str, notes: Sequence[str]) -> LoadedModel:
    call = _call_with_constants(model)
    inputs = _of_one_sample(call, known_inputs(described_inputs(model), options, label))
    outputs = _outputs(model, inputs)
    layers = keep_layer_names(model)  # They are what tracing calls its ops by.
    return LoadedModel(
        float_graph=traced_graph(call, inputs),
        inputs=inputs,
        outputs=outputs,
        ends_in_softmax=_ends_in_softmax(model),
        notes=tuple(notes),
        layers=layers,
    )


def _structured(model: Any, inputs: Sequence[Any]) -> Any:
    """Return a model's inputs as it takes them: one, or several in a list or a dictionary."""
    if len(inputs) == 1:
        return inputs[0]
    return keras.tree.pack_sequence_as(model.input, list(inputs))


def _of_one_sample(call: ModelCall, inputs: tuple[ModelTensor, ...]) -> tuple[ModelTensor, ...]:
    """Return inputs with a batch of 1 where the model was built for more, if it takes that."""
    batches = {each.shape[:1] for each in inputs}
    if len(batches) != 1 or batches == {(1,)} or not all(each.shape for each in inputs):
        return inputs
    single = tuple(replace(each, shape=(1, *each.shape[1:])) for each in inputs)
    try:
        outputs = freeze(call, single).outputs
    except Exception:
        return inputs  # Keras and TensorFlow raise whatever a layer of a fixed batch runs into.
    is_single = all(len(x.shape) > 0 and x.shape[0] == 1 for x in outputs)
    return single if is_single else inputs


def described_inputs(model: Any) -> list[tuple[str, tuple[int | None, ...], str]]:
    """Return name, shape with the batch, and element type of each input of a Keras model."""
    return [(layer_name(each), tuple(each.shape), _dtype(each)) for each in model.inputs]


def _outputs(model: Any, inputs: Sequence[ModelTensor]) -> tuple[ModelTensor, ...]:
    """Return the outputs of a model for inputs of known shapes."""
    tensors = [keras.KerasTensor(each.shape, each.dtype) for each in inputs]
    answer = model(_structured(model, tensors))
    return tuple(
        ModelTensor(layer_name(stated), tuple(result.shape), _dtype(result))
        for stated, result in zip(model.outputs, keras.tree.flatten(answer), strict=True)
    )


def _dtype(tensor: Any) -> str:
    return str(keras.backend.standardize_dtype(tensor.dtype))


def layer_name(tensor: Any) -> str:
    """Return the name of the layer that makes an input or an output, by which Keras calls it."""
    return str(tensor._keras_history.operation.name)


def _call_with_constants(model: Any) -> ModelCall:
    """Return the call of a model, whose weights become constants of the graph that is traced."""
    trainable = [np.asarray(variable.value) for variable in model.trainable_variables]
    others = [np.asarray(variable.value) for variable in model.non_trainable_variables]

    def call(*inputs: Any) -> Any:
        weights, state = [[tf.constant(v) for v in values] for values in (trainable, others)]
        given = _structured(model, inputs)
        answer = model.stateless_call(weights, state, given, training=False)[0]
        return keras.tree.flatten(answer)

    return call


def _ends_in_softmax(model: Any) -> bool | None:
    *_, last = inner_layers(model)
    if type(last).__name__ == "Softmax":
        return True
    activation = getattr(last, "activation", None)
    if activation is None:
        return None
    return getattr(activation, "__name__", "") in ("softmax", "sigmoid")
