"""A TensorFlow SavedModel, a folder with the signature ``serving_default``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted, sha256_of
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    ModelTensor,
    NamedModel,
    Source,
)
from edgecnn.importing.keras_models import explained
from edgecnn.importing.model_inputs import known_inputs
from edgecnn.importing.saved_model_graphs import read_saved_model, refuse_reaching_out
from edgecnn.importing.tracing import ModelCall, traced_graph
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.calls import CallOptions

tf = LazyModule("tensorflow", extra="convert")

MAX_GRAPHS_BYTES = 2 << 30
"""Bytes of a ``saved_model.pb``, which its format cannot exceed."""


class _SavedModelFormat(InputFormat):
    """A folder that TensorFlow wrote; it has no layers any more."""

    called = "a SavedModel folder"

    def recognizes(self, model: NamedModel) -> bool:
        return model.is_folder and (model.path / "saved_model.pb").is_file()

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse what cannot be read; TensorFlow is needed to look at the ops, in the child."""
        for path in model.path.rglob("*"):
            if not path.is_dir() and not path.is_file():
                raise InputError(
                    f"{quoted(path)} is no file (a pipe, a device or a broken link): "
                    "export the model again"
                )
        graphs = model.path / "saved_model.pb"
        size = graphs.stat().st_size
        if size == 0:
            raise InputError(f"{quoted(graphs)} is empty: export the model again")
        if size > MAX_GRAPHS_BYTES:
            raise InputError(f"{quoted(graphs)} is too large to be real")

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        label, folder = quoted(source.name), Path(source.name)
        with explained(label):
            saved_model = read_saved_model(folder)
            if not source.trust:
                refuse_reaching_out(saved_model, folder)
            del saved_model  # As large as the file, which TensorFlow reads again.
            return _loaded(_with_variables(folder), source.call(options.size), label)

    def keras_model(self, source: Source, options: LoadOptions) -> tuple[Any, list[str]]:
        raise InputError(
            f"{quoted(source.name)} is a SavedModel, which has no layers any more: convert it "
            "and give the .tflite file"
        )

    def identity(self, name: str, options: BuildOptions) -> dict[str, Any]:
        return {"sha256": _sha256_of_folder(Path(name))}


def _with_variables(folder: Path) -> Any:
    try:
        return tf.saved_model.load(str(folder))
    except (tf.errors.OpError, FileNotFoundError, IndexError) as error:
        # The first line is the reason; the others advise what helps in a cluster.
        reason = " ".join(str(error).partition("\n")[0].split())[:200]
        raise InputError(
            f"{quoted(folder)} cannot be loaded, perhaps because its variables are damaged or lack "
            f"a file ({reason}): export the model again"
        ) from error


def _loaded(saved: Any, options: CallOptions, label: str) -> LoadedModel:
    signature = getattr(saved, "signatures", {}).get("serving_default")
    if signature is None:
        raise InputError(f"{label} has no 'serving_default' signature: export it with one")
    arguments = signature.structured_input_signature[1]
    stated = [(name, each.shape.as_list(), each.dtype.name) for name, each in arguments.items()]
    inputs = known_inputs(stated, options, label)
    names = sorted(signature.structured_outputs)

    def call(*tensors: Any) -> Any:
        # The signature does not own its variables: `saved` has to live as long as it is called.
        answers = saved.signatures["serving_default"](**dict(zip(arguments, tensors, strict=True)))
        return [answers[name] for name in names]

    return LoadedModel(
        float_graph=traced_graph(call, inputs),
        inputs=inputs,
        outputs=_outputs(call, inputs, names),
    )


def _outputs(
    call: ModelCall, inputs: Sequence[ModelTensor], names: Sequence[str]
) -> tuple[ModelTensor, ...]:
    """Return the outputs of a model for inputs of known shapes."""
    specs = [tf.TensorSpec(each.shape, each.dtype) for each in inputs]
    results = tf.function(call, autograph=False).get_concrete_function(*specs).outputs
    return tuple(
        ModelTensor(name, tuple(result.shape.as_list()), result.dtype.name)
        for name, result in zip(names, results, strict=True)
    )


def _sha256_of_folder(folder: Path) -> str:
    """Return the SHA-256 of the list of a folder's files, each with that of its content."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


input_format = _SavedModelFormat()
