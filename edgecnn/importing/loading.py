"""Loading a source as something that can be traced (in a child only, where TensorFlow runs)."""

from __future__ import annotations

import json
import math
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.layer_names import TracedLayer, keep_layer_names
from edgecnn.importing.sources import Source, refuse_custom_code
from edgecnn.models.cost import inner_layers
from edgecnn.models.layers import AUXILIARY

tf = LazyModule("tensorflow", extra="convert")
keras = LazyModule("keras", extra="convert")
h5py = LazyModule("h5py", extra="convert")

PREPROCESSING_LAYERS = ("Rescaling", "Normalization")
NEWER_SETTINGS: dict[str, Any] = {
    "quantization_config": None,
    "input_axes": None,
    "output_axes": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
"""Settings that newer versions of Keras write and older ones refuse, where they have no effect."""


@dataclass(frozen=True)
class TraceableModel:
    """A model ready to be traced.

    Args:
        call: Takes a float32 tensor (1, height, width, channels), gives (1, classes).
        input_shape: (height, width, channels) in pixels.
        output_shape: Shape of one answer, without the batch.
        preprocessing_layer: Name of the Rescaling or Normalization layer that it starts with.
        preprocessing_factor: What that multiplies its input by.
        ends_in_softmax: Whether its answer is a probability; None where that can't be seen.
        keep_alive: Owner of the variables that ``call`` reads, which does not own them itself.
        notes: What a user should know of how it was loaded, one line each.
        layers: As ``layer_names.keep_layer_names`` gives them; none where they can't be known.
    """

    call: Callable[[Any], Any]
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, ...]
    preprocessing_layer: str | None = None
    preprocessing_factor: float | None = None
    ends_in_softmax: bool | None = None
    keep_alive: Any = None
    notes: tuple[str, ...] = ()
    layers: Mapping[str, TracedLayer] = field(default_factory=dict)


def load(
    source: Source,
    size: tuple[int, int] | None,
    build: Mapping[str, Any],
    on_progress: Callable[[int, int], None],
) -> TraceableModel:
    """Load a source.

    Args:
        source: What to load.
        size: Height and width that the user said.
        build: Arguments of ``edgecnn.build`` for a registered name.
        on_progress: Told (bytes done, bytes in all) while weights are downloaded.

    Raises:
        InputError: The model cannot be loaded, or is not one image in and one answer out.
    """
    label = quoted(source.name)
    if source.kind == "saved_model":
        with _explained(label):
            return _from_saved_model(tf.saved_model.load(source.name), size, label)
    model, notes = load_keras(source, build, on_progress)
    return _from_keras(model, size, label, notes)


def load_keras(
    source: Source, build: Mapping[str, Any], on_progress: Callable[[int, int], None]
) -> tuple[Any, list[str]]:
    """Build or load a Keras model without its auxiliary classifiers.

    Args:
        source: What to load, of any kind but a SavedModel.
        build: Arguments of ``edgecnn.build`` for a registered name.
        on_progress: Told (bytes done, bytes in all) while weights are downloaded.

    Returns:
        The model, and what a user should know of how it was loaded.

    Raises:
        InputError: The model cannot be loaded, or was never built.
    """
    notes: list[str] = []
    label = quoted(source.name)
    if source.kind == "registered":
        model = _build(source.name, build, on_progress, lambda told: notes.append(str(told)))
        return model, notes
    loader = _load_h5 if source.kind == "h5" else _load_keras_file
    with _explained(label):
        model = loader(source.name, trust=source.trust)
    # An unbuilt Sequential has no such attribute.
    if not getattr(model, "inputs", None):
        raise InputError(f"{label} was never built: save it after it has seen an input")
    return _without_auxiliary(model)


@contextmanager
def _explained(label: str) -> Iterator[None]:
    try:
        yield
    except EdgecnnError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{label} cannot be loaded: {reason}") from error


def _build(
    name: str,
    options: Mapping[str, Any],
    on_progress: Callable[[int, int], None],
    on_weights: Callable[[object], None],
) -> Any:
    from edgecnn.models.build import build

    return build(name, **options, on_progress=on_progress, on_weights=on_weights)


def _load_keras_file(path: str, *, trust: bool) -> Any:
    try:
        return keras.models.load_model(path, compile=False, safe_mode=not trust)
    except TypeError:
        # A newer Keras names settings that this one does not know; most have no effect.
        with tempfile.TemporaryDirectory(prefix="edgecnn-") as folder:
            copy = Path(folder) / "model.keras"
            _copy_without(NEWER_SETTINGS, Path(path), copy)
            return keras.models.load_model(copy, compile=False, safe_mode=not trust)


def _copy_without(settings: Mapping[str, Any], source: Path, target: Path) -> None:
    """Copy a .keras file less the settings of its layers that have these values."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, list):
            return [cleaned(item) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {k: v for k, v in value.items() if not (k in settings and v == settings[k])}
        return {key: cleaned(item) for key, item in kept.items()}

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                content = json.dumps(cleaned(json.loads(content))).encode()
            new.writestr(name, content)


def _load_h5(path: str, *, trust: bool) -> Any:
    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
    if config is None:
        raise InputError(
            f"{quoted(path)} holds weights only: convert the architecture's name "
            "with --weights and this file"
        )
    if not trust:
        refuse_custom_code(json.loads(config), quoted(path))
    return keras.models.load_model(
        path,
        compile=False,
        safe_mode=not trust,
        custom_objects={"DepthwiseConv2D": _keras2_depthwise()},
    )


def _keras2_depthwise() -> type:
    """Return a DepthwiseConv2D that takes Keras 2's configuration, which said ``groups: 1``."""
    base: Any = keras.layers.DepthwiseConv2D

    class DepthwiseConv2D(base):  # type: ignore[misc]
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return super().from_config({k: v for k, v in config.items() if k != "groups"})

    return DepthwiseConv2D


def _without_auxiliary(model: Any) -> tuple[Any, list[str]]:
    """Drop the outputs that only training uses, and with them the layers that lead to them."""
    names = getattr(model, "output_names", [])
    dropped = [name for name in names if name.startswith(AUXILIARY)]
    if not dropped or len(dropped) == len(names):
        return model, []
    kept = [model.outputs[index] for index, name in enumerate(names) if name not in dropped]
    note = f"dropped {len(dropped)} outputs that only training uses: {', '.join(dropped)}"
    return keras.Model(model.inputs, kept, name=model.name), [note]


def _from_keras(
    model: Any, size: tuple[int, int] | None, label: str, notes: Sequence[str] = ()
) -> TraceableModel:
    inputs, outputs = model.inputs, model.outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"{label} has {len(inputs)} inputs and {len(outputs)} outputs: "
            "only models with one image in and one answer out can be converted"
        )
    trainable = [np.asarray(variable.value) for variable in model.trainable_variables]
    others = [np.asarray(variable.value) for variable in model.non_trainable_variables]

    def call(image: Any) -> Any:
        weights, state = [[tf.constant(v) for v in values] for values in (trainable, others)]
        answer = model.stateless_call(weights, state, image, training=False)[0]
        return answer[0] if isinstance(answer, list) else answer

    preprocessing = _leading_preprocessing(model)
    return TraceableModel(
        call=call,
        input_shape=image_shape(tuple(inputs[0].shape)[1:], size, label),
        output_shape=tuple(outputs[0].shape)[1:],
        preprocessing_layer=preprocessing.name if preprocessing else None,
        preprocessing_factor=_factor(preprocessing) if preprocessing else None,
        ends_in_softmax=_ends_in_softmax(model),
        notes=tuple(notes),
        layers=keep_layer_names(model),
    )


def image_shape(
    shape: tuple[int | None, ...], size: tuple[int, int] | None, label: str
) -> tuple[int, int, int]:
    """Return (height, width, channels) of a model's images.

    Args:
        shape: Of its input without the batch; None where it is open.
        size: (height, width) that the user said.
        label: The model's name for messages.

    Raises:
        InputError: It takes no images, or a size is missing or does not fit.
    """
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise InputError(
            f"{label} takes input of shape {shape}: only images with 1 or 3 channels last, "
            "(height, width, channels), can be converted"
        )
    height, width, channels = shape
    if size and all(known in (None, wanted) for known, wanted in zip(shape, size, strict=False)):
        height, width = size
    elif size:
        raise InputError(f"{label} takes {height}x{width} images only: leave --size out")
    if height is None or width is None:
        raise InputError(f"{label} takes images of any size: choose one with --size")
    assert channels is not None
    return (height, width, channels)


def _leading_preprocessing(model: Any) -> Any | None:
    layers = (x for x in inner_layers(model) if type(x).__name__ != "InputLayer")
    first = next(layers, None)
    return first if first and type(first).__name__ in PREPROCESSING_LAYERS else None


def _factor(layer: Any) -> float | None:
    """Return what a Rescaling or Normalization layer multiplies by, on the average of channels."""
    if type(layer).__name__ == "Rescaling":
        return float(np.mean(layer.scale))
    variance = float(np.mean(np.asarray(layer.variance)))
    return 1 / math.sqrt(variance) if variance > 0 else None


def _ends_in_softmax(model: Any) -> bool | None:
    *_, last = inner_layers(model)
    if type(last).__name__ == "Softmax":
        return True
    activation = getattr(last, "activation", None)
    if activation is None:
        return None
    return getattr(activation, "__name__", "") in ("softmax", "sigmoid")


def _from_saved_model(loaded: Any, size: tuple[int, int] | None, label: str) -> TraceableModel:
    signature = getattr(loaded, "signatures", {}).get("serving_default")
    if signature is None:
        raise InputError(f"{label} has no 'serving_default' signature: export it with one")
    arguments = signature.structured_input_signature[1]
    outputs = signature.structured_outputs
    if len(arguments) != 1 or len(outputs) != 1:
        raise InputError(
            f"{label} has {len(arguments)} inputs and {len(outputs)} outputs: "
            "only models with one image in and one answer out can be converted"
        )
    argument, spec = next(iter(arguments.items()))
    answer, output = next(iter(outputs.items()))

    return TraceableModel(
        call=lambda image: signature(**{argument: image})[answer],
        keep_alive=loaded,
        input_shape=image_shape(tuple(spec.shape.as_list()[1:]), size, label),
        output_shape=tuple(output.shape.as_list()[1:]),
    )
