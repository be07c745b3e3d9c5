"""A float ``.tflite`` file of any maker, as PyTorch, JAX and ONNX models come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.importing.graphs.batches import batch_of, with_batch_of_one
from edgecnn.importing.graphs.byte_images import take_floats
from edgecnn.importing.graphs.shapes import settle_shapes
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    NamedModel,
    Source,
)
from edgecnn.importing.keras_models import explained
from edgecnn.importing.model_inputs import check_size, image_shape
from edgecnn.importing.stored_graph import StoredGraph, described
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import input_spec
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.calls import (
    CallOptions,
    choose_subgraph,
    chosen_shapes,
    input_names,
    refuse_unrunnable,
    with_shapes,
)
from edgecnn.tflite.file import TfliteFile
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER
from edgecnn.tflite.numbers import FLOAT16, FLOAT32, INT8
from edgecnn.tflite.reading import CORRUPT_FILE, TfliteModel, parse_model
from edgecnn.tflite.serialization import read_graph

MAX_SUBGRAPHS = 1000
"""Most graphs of a file, more than any real model has: each is read before the file is taken."""

UNKNOWN_OPS = ("unresolved custom op", "Select TensorFlow op")
"""What the runtime says of ops that it does not know."""


class _TfliteFormat(InputFormat):
    """A ``.tflite`` file that computes in float32, and whose weights are float32 or float16."""

    called = ".tflite"
    needs_tensorflow = False

    def recognizes(self, model: NamedModel) -> bool:
        return model.head[4:8] == TFLITE_IDENTIFIER

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse what is quantised already, and what no CPU runs."""
        file = DescribedFile(model.path)
        if file.model.subgraphs > MAX_SUBGRAPHS:
            raise InputError(f"{file.label} has {file.model.subgraphs:,} graphs: make it again")
        called = {0, *(signature.subgraph for signature in file.model.signatures)}
        for number in range(file.model.subgraphs):
            subgraph = parse_model(file.content, file.label, number) if number else file.model
            if number in called:
                refuse_unrunnable(subgraph, file.label, may_take_text=True)
            _refuse_quantised(subgraph, file.label)

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        file = TfliteFile(source.name)
        model = _called(file, source.signature)
        shapes = _input_shapes(model, source.call(options.size), file.label)
        try:
            graph = read_graph(bytes(file.content), model.subgraph)
        except CORRUPT_FILE as error:
            raise InputError(f"{file.label} is truncated or corrupt: make it again") from error
        if source.signature is not None:
            _keep_signature(graph, source.signature)
        with explained(file.label), _named_custom_ops(model, file.label):
            settle_shapes(graph, dict(zip(graph.inputs, shapes, strict=True)))
        graph, notes = _one_example(graph)
        if image_shape(described(graph, graph.inputs, "inputs")) is not None:
            take_floats(graph)
        return LoadedModel(
            float_graph=StoredGraph(graph),
            inputs=described(graph, graph.inputs, "inputs"),
            outputs=described(graph, graph.outputs, "outputs"),
            notes=(*notes, *_notes_of_others(graph)),
            has_signatures=bool(graph.calls),
        )

    def input_spec(self, name: str, options: BuildOptions) -> InputSpec | None:
        file = DescribedFile(name)
        try:
            shapes = _input_shapes(
                file.model, CallOptions(options.size).where_needed(file.model), file.label
            )
            ones = {t.index: (1, *s[1:]) for t, s in zip(file.model.inputs, shapes, strict=True)}
            return input_spec(with_shapes(file.model, ones), Preprocessing(), file.label)
        except InputError:
            return None

    def described(self, name: str) -> DescribedFile:
        return DescribedFile(name)


def _refuse_quantised(model: TfliteModel, label: str) -> None:
    """Raise InputError for a graph of which something is quantised already."""
    scheme = model.scheme
    tensors = (t for op in model.operators for t in (*op.inputs, *op.outputs) if t is not None)
    ends = (*model.inputs, *model.outputs)
    # Integers without a scale may be pixels or tokens; those of eight bits with a sign are not.
    is_quantised = any(t.scale for t in (*ends, *tensors)) or any(
        t.dtype == INT8.name for t in ends
    )
    if scheme in (FLOAT32.name, FLOAT16.name) and not is_quantised:
        return
    what = INT8.name if scheme == FLOAT32.name else scheme
    raise InputError(
        f"{label} is quantised already ({what}), and what it lost cannot be undone: "
        "give the float32 file or model that it was made of"
    )


def _called(file: TfliteFile, signature: str | None) -> TfliteModel:
    """Return the structure of the graph of a signature; without one, of the file's first graph."""
    if signature is None:
        return file.model
    number, _ = choose_subgraph(file.model.signatures, signature, file.label)
    return parse_model(file.content, file.label, number)


def _input_shapes(model: TfliteModel, options: CallOptions, label: str) -> list[tuple[int, ...]]:
    names = input_names(model.signatures, model.subgraph)
    chosen = chosen_shapes(model.inputs, options, names, label)
    shapes = [chosen.get(tensor.index, tensor.shape) for tensor in model.inputs]
    for shape in shapes:
        check_size(shape, label)
    return shapes


def _keep_signature(graph: Graph, name: str) -> None:
    """Take out the signatures that were not asked for, and with them the graphs that they run."""
    graph.calls = tuple(call for call in graph.calls if call.name == name)
    for other in graph.others.values():
        other.calls = ()


@contextmanager
def _named_custom_ops(model: TfliteModel, label: str) -> Iterator[None]:
    """Raise InputError with the names of ops that the runtime does not know."""
    try:
        yield
    except RuntimeError as error:
        if not any(says in str(error) for says in UNKNOWN_OPS):
            raise
        names = ", ".join(code.name for code in model.operator_codes if code.is_custom)
        raise InputError(
            f"{label} cannot be run here: its ops {names} are a program's own, and the TFLite "
            "runtime lacks them: convert the model that it was made of"
        ) from error


def _one_example(graph: Graph) -> tuple[Graph, list[str]]:
    """Return a graph that takes one example in a call, where that is possible, and what to say."""
    batch = batch_of(graph)
    if batch == 1:
        return graph, []
    single = with_batch_of_one(graph)
    if single is not None:
        return single, [f"it takes {batch} examples in a call: its files take one"]
    return graph, [f"it takes {batch} examples in a call, and so do its files: they go together"]


def _notes_of_others(graph: Graph) -> Iterator[str]:
    """Say what becomes of the graphs beside the one that images or samples go through."""
    names = [quoted(call.name) for other in graph.others.values() for call in other.calls]
    if names:
        which = (
            f"signature {names[0]} runs a graph"
            if len(names) == 1
            else (f"signatures {', '.join(names)} run graphs")
        )
        yield (
            f"{which} of its own, which computes in float32 in every file: "
            "--signature converts it alone"
        )


input_format = _TfliteFormat()
