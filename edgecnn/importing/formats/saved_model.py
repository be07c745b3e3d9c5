"""A TensorFlow SavedModel: a folder, or a zip of one, with one signature or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath
from typing import Any

from edgecnn.core.errors import ConversionError, InputError
from edgecnn.core.files import quoted, sha256_of
from edgecnn.core.lazy import LazyModule
from edgecnn.core.text import first_few
from edgecnn.core.zip_files import ZIP_MAGIC
from edgecnn.importing.freezing.assignments import ASSIGNING, REFERENCE
from edgecnn.importing.freezing.frozen_function import StateNeededError, frozen
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    NamedModel,
    Source,
)
from edgecnn.importing.kept_state import load_with_state
from edgecnn.importing.keras_models import explained
from edgecnn.importing.model_inputs import StatedShape, known_inputs
from edgecnn.importing.saved_model_graphs import read_saved_model, refuse_reaching_out
from edgecnn.importing.saved_model_zip import (
    GRAPHS,
    check_zip,
    is_saved_model_zip,
    sha256_of_files,
    unpacked,
    zip_digests,
)
from edgecnn.importing.tracing import ModelCall, TracedGraph, frozen_once, model_tensors
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.calls import CallOptions

tf = LazyModule("tensorflow", extra="convert")

MAX_GRAPHS_BYTES = 2 << 30
"""Bytes of a ``saved_model.pb``, which its format cannot exceed."""

USUAL_SIGNATURE = "serving_default"
"""Name of the signature that programs call which know no other."""


class _SavedModelFormat(InputFormat):
    """A folder that TensorFlow wrote, or its zip; it has no layers any more."""

    called = "a SavedModel (its folder, or a zip of that)"

    def recognizes(self, model: NamedModel) -> bool:
        if model.is_folder:
            return (model.path / GRAPHS).is_file()
        return model.head[:4] == ZIP_MAGIC and is_saved_model_zip(model.path)

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse what cannot be read; TensorFlow is needed to look at the ops, in the child."""
        if model.is_folder:
            _refuse_what_is_no_file(model.path)
            size = (model.path / GRAPHS).stat().st_size
        else:
            size = check_zip(model.path)
        label = quoted(model.path / GRAPHS)
        if size == 0:
            raise InputError(f"{label} is empty: export the model again")
        if size > MAX_GRAPHS_BYTES:
            raise InputError(f"{label} is too large to be real")

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        label = quoted(source.name)
        with explained(label), _folder(Path(source.name)) as folder:
            saved_model = read_saved_model(folder, label)
            if not source.trust:
                refuse_reaching_out(saved_model, folder, label)
            del saved_model  # As large as the file, which TensorFlow reads again.
            saved = _with_variables(folder, label)
            name = _chosen(saved, source.signature, label)
            return _loaded(saved.signatures[name], name, folder, source, options)

    def keras_model(self, source: Source, options: LoadOptions) -> tuple[Any, list[str]]:
        raise InputError(
            f"{quoted(source.name)} is a SavedModel, which has no layers any more: convert it "
            "and give the .tflite file"
        )

    def identity(self, name: str, options: BuildOptions) -> dict[str, Any]:
        path = Path(name)
        return {"sha256": sha256_of_files(_digests(path) if path.is_dir() else zip_digests(path))}


def _folder(path: Path) -> AbstractContextManager[Path]:
    return nullcontext(path) if path.is_dir() else unpacked(path)


def _refuse_what_is_no_file(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_dir() and not path.is_file():
            raise InputError(
                f"{quoted(path)} is no file (a pipe, a device or a broken link): "
                "export the model again"
            )


def _with_variables(folder: Path, label: str) -> Any:
    try:
        return tf.saved_model.load(str(folder))
    except (tf.errors.OpError, FileNotFoundError, IndexError) as error:
        # The first line is the reason; the others advise what helps in a cluster.
        first = str(error).partition("\n")[0].replace(f"{folder}/", "")
        raise InputError(
            f"{label} cannot be loaded, perhaps because its variables are damaged or lack "
            f"a file ({' '.join(first.split())[:200]}): export the model again"
        ) from error


def _loaded(
    signature: Any, name: str, folder: Path, source: Source, options: LoadOptions
) -> LoadedModel:
    """Load a signature without variables; with them where its answers need that, or it must be."""
    label, failure = quoted(source.name), None
    try:
        frozen_model, changing = _frozen(signature, source.call(options.size), label)
        if not changing:
            return frozen_model
    except ConversionError as error:
        frozen_model, failure = None, error
    try:
        return load_with_state(folder, name, signature.graph, source, options)
    except ConversionError as error:
        if frozen_model is not None:
            return frozen_model
        # Of ops that have no kernel, tables are only some.
        told = error if isinstance(failure, StateNeededError) else failure
        raise ConversionError(f"{label}: {told}") from error


def _frozen(signature: Any, options: CallOptions, label: str) -> tuple[LoadedModel, bool]:
    """Load a signature without variables, and say whether its answers change with each call."""
    names = sorted(signature.structured_outputs)
    stated = list(_stated_inputs(signature, options, label))
    inputs = known_inputs(stated, options, label)
    call = _call(signature, [each.name for each in inputs], names)
    made = frozen_once(call, inputs, had_open_batch=_is_open(stated))
    inputs = model_tensors([each.name for each in inputs], made.function.inputs)
    loaded = LoadedModel(
        float_graph=TracedGraph(made.function.graph),
        inputs=inputs,
        outputs=model_tensors(names, made.function.outputs),
        notes=made.all_notes,
    )
    return loaded, bool(made.changing)


def _chosen(saved: Any, asked: str | None, label: str) -> str:
    """Return the name of the signature to convert."""
    names = [name for name in getattr(saved, "signatures", {}) if not name.startswith("__")]
    listed = first_few(map(quoted, names))
    if not names:
        raise InputError(
            f"{label} has no signature, so nothing says what it takes: save it with "
            "tf.saved_model.save(..., signatures=...)"
        )
    if asked is not None and asked not in names:
        raise InputError(f"{label} has no signature {quoted(asked)}: it has {listed}")
    if asked is None and len(names) > 1 and USUAL_SIGNATURE not in names:
        raise InputError(f"{label} has {len(names)} signatures ({listed}): choose by --signature")
    return asked or (USUAL_SIGNATURE if USUAL_SIGNATURE in names else names[0])


def _stated_inputs(
    signature: Any, options: CallOptions, label: str
) -> Iterator[tuple[str, StatedShape, str]]:
    """Yield name, shape with the batch, and element type of each input of a signature."""
    for name, tensor in signature.structured_input_signature[1].items():
        shape = tensor.shape
        if shape.rank is None and name not in options.input_shapes:
            raise InputError(
                f"{label} leaves open how many sides its input {quoted(name)} has: say it by "
                f"--input-shape {name}=1,224,224,3"
            )
        sides = options.input_shapes[name] if shape.rank is None else shape.as_list()
        yield name, sides, tensor.dtype.name


def _is_open(stated: Iterable[tuple[str, StatedShape, str]]) -> bool:
    """Say whether the batch of a signature is all that it leaves open."""
    shapes = [shape for _, shape, _ in stated]
    return all(len(shape) > 0 and shape[0] is None and None not in shape[1:] for shape in shapes)


def _call(signature: Any, inputs: list[str], outputs: list[str]) -> ModelCall:
    """Return what calls a signature with its inputs in a row, and returns a list."""
    if any(op.type in {REFERENCE, *ASSIGNING} for op in signature.graph.get_operations()):
        # A graph of TensorFlow 1, whose signatures call no function. TensorFlow does not take the
        # place of such a function's call by its ops, which freezing needs.
        places = [inputs.index(name) for name in signature._arg_keywords]
        graph = frozen(signature).function
        return lambda *tensors: graph(*(tensors[place] for place in places))
    stated = signature.structured_input_signature[1]

    def call(*tensors: Any) -> Any:
        given = {
            name: tf.cast(tensor, stated[name].dtype)
            for name, tensor in zip(inputs, tensors, strict=True)
        }
        answers = signature(**given)
        return [answers[name] for name in outputs]

    return call


def _digests(folder: Path) -> Iterator[tuple[PurePosixPath, str]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield PurePosixPath(path.relative_to(folder).as_posix()), sha256_of(path)


input_format = _SavedModelFormat()
