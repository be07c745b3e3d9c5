"""SavedModels whose graphs would do more than compute are refused before any of them is run."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.importing.tensorflow_ops import Use, objection

from .outside_models import (
    FILE,
    SIDE,
    assert_answers_as_in_tensorflow,
    broken_line,
    edited,
    loaded,
    pooled,
    refused,
    resource,
    saved,
)


@pytest.mark.parametrize("method", ["create", "initialize", "destroy"])
def test_a_resource_that_writes_a_file(tf: Any, method: str, tmp_path: Path, canary: Path) -> None:
    def write() -> Any:
        tf.io.write_file(str(canary), "written")
        return tf.constant(1.0)

    part = resource(tf, **{method: write})
    folder = saved(tf, tmp_path / "hostile", lambda image: pooled(tf, image), part=part)
    del part  # Whose end writes the file, too.
    canary.unlink(missing_ok=True)
    refused(folder, "WriteFile")
    assert not canary.exists()
    assert loaded(folder, trust=True).outputs[0].shape == (1, 3)
    gc.collect()
    # What creates a resource runs once the resource is used, which nothing does here.
    assert canary.exists() or method == "create"


def test_a_value_that_is_restored_in_a_way_of_its_own(
    tf: Any, tmp_path: Path, canary: Path
) -> None:
    from tensorflow.python.trackable.autotrackable import AutoTrackable

    class Restored(AutoTrackable):  # type: ignore[misc]
        def _serialize_to_tensors(self) -> Any:
            return {"value": tf.constant(1.0)}

        def _restore_from_tensors(self, tensors: Any) -> Any:
            tf.io.write_file(str(canary), "written")
            return tensors["value"]

    folder = saved(tf, tmp_path / "hostile", lambda image: pooled(tf, image), part=Restored())
    canary.unlink(missing_ok=True)
    refused(folder, "WriteFile", "restore")
    assert not canary.exists()
    loaded(folder, trust=True)
    assert canary.exists()


def test_an_initializer_without_end_is_no_initializer(tf: Any, tmp_path: Path) -> None:
    def endless() -> Any:
        return tf.while_loop(lambda i: i > 0.0, lambda i: i + 1.0, [tf.constant(1.0)])[0]

    part = resource(tf)
    part._initialize = tf.function(endless, input_signature=[])
    folder = saved(tf, tmp_path / "hostile", lambda image: pooled(tf, image), part=part)
    refused(folder, "which would run as soon as the model is loaded")


def rpc_client() -> Any:
    from tensorflow.distribute.experimental.rpc.kernels import gen_rpc_ops

    return gen_rpc_ops.rpc_client("192.0.2.1:1", timeout_in_ms=1)[0]


OPS: dict[str, Callable[[Any], Any]] = {
    "ReadFile": lambda tf: tf.strings.length(tf.io.read_file(FILE)),
    "WriteFile": lambda tf: tf.raw_ops.WriteFile(filename=FILE, contents="a"),
    "MatchingFiles": lambda tf: tf.size(tf.io.matching_files(FILE)),
    "EagerPyFunc": lambda tf: tf.py_function(lambda: 1.0, [], tf.float32),
    "PyFunc": lambda tf: tf.numpy_function(lambda: np.float32(1), [], tf.float32),
    "PyFuncStateless": lambda tf: tf.numpy_function(
        lambda: np.float32(1), [], tf.float32, stateful=False
    ),
    "PrintV2": lambda tf: tf.print("a", output_stream=f"file://{FILE}"),
    "ImmutableConst": lambda tf: tf.raw_ops.ImmutableConst(
        dtype=tf.float32, shape=[1], memory_region_name=FILE
    ),
    "DecodeProtoV2": lambda tf: (
        tf.raw_ops.DecodeProtoV2(
            bytes=[b""], message_type="a", field_names=[], output_types=[], descriptor_source=FILE
        ).sizes
    ),
    "DebugIdentity": lambda tf: tf.raw_ops.DebugIdentity(
        input=1.0, debug_urls=[f"file://{FILE}", "grpc://192.0.2.1:1"]
    ),
    "SaveV2": lambda tf: tf.raw_ops.SaveV2(
        prefix=FILE, tensor_names=["a"], shape_and_slices=[""], tensors=[1.0]
    ),
    "RestoreV2": lambda tf: tf.raw_ops.RestoreV2(
        prefix=FILE, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    )[0],
    "MergeV2Checkpoints": lambda tf: tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[FILE], destination_prefix=FILE
    ),
    "TextLineDataset": lambda tf: tf.raw_ops.TextLineDataset(
        filenames=[FILE], compression_type="", buffer_size=0
    ),
    "RpcClient": lambda tf: rpc_client(),
    "Abort": lambda tf: tf.raw_ops.Abort(),
}


@pytest.mark.parametrize("op", OPS)
def test_an_op_that_reaches_out_when_the_model_is_called(tf: Any, op: str, tmp_path: Path) -> None:
    def answer(image: Any) -> Any:
        result = OPS[op](tf)
        used = [result.op if hasattr(result, "op") else result] if result is not None else []
        with tf.control_dependencies(used):
            return pooled(tf, image)

    folder = saved(tf, tmp_path / "hostile", answer)
    refused(folder, op, "in function '__inference_")


def _in_function(tf: Any, image: Any, size: Any) -> Any:
    return tf.function(lambda: size() + pooled(tf, image))()


def _in_map(tf: Any, image: Any, size: Any) -> Any:
    return tf.map_fn(lambda row: row + size(), pooled(tf, image))


INSIDE = {
    "If": lambda tf, image, size: (
        pooled(tf, image) + tf.cond(tf.reduce_max(image) > 9, size, lambda: 0.0)
    ),
    "While": lambda tf, image, size: tf.while_loop(
        lambda x: tf.reduce_max(x) < 9, lambda x: x + size(), [pooled(tf, image)]
    )[0],
    "Case": lambda tf, image, size: (
        pooled(tf, image)
        + tf.switch_case(tf.cast(tf.reduce_max(image), tf.int32), [size, lambda: 0.0])
    ),
    "PartitionedCall": _in_function,
    "map_fn": _in_map,
    "MapDefun": lambda tf, image, size: tf.raw_ops.MapDefun(
        arguments=[pooled(tf, image)],
        captured_inputs=[],
        output_types=[tf.float32],
        output_shapes=[(3,)],
        f=tf.function(lambda row: row + size()).get_concrete_function(
            tf.TensorSpec((3,), tf.float32)
        ),
    )[0],
}


@pytest.mark.parametrize("inside", INSIDE)
def test_functions_that_attributes_of_ops_name_are_read(
    tf: Any, inside: str, tmp_path: Path
) -> None:
    def size() -> Any:
        return tf.cast(tf.strings.length(tf.io.read_file(FILE)), tf.float32)

    folder = saved(tf, tmp_path / "hostile", lambda image: INSIDE[inside](tf, image, size))
    refused(folder, "ReadFile", "in function")


def test_a_table_from_a_text_file(tf: Any, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("a\nb\n")
    lookup = tf.lookup
    words = lookup.TextFileInitializer(
        str(tmp_path / "words"), tf.string, lookup.TextFileIndex.WHOLE_LINE,
        tf.int64, lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    table = lookup.StaticHashTable(words, -1)
    folder = saved(tf, tmp_path / "hostile", lambda image: pooled(tf, image), table=table)
    refused(folder, "InitializeTableFromTextFileV2")
    assert loaded(folder, trust=True).outputs[0].shape == (1, 3)


def test_an_asset_outside_of_the_folder(tf: Any, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("a")
    asset = tf.saved_model.Asset(str(tmp_path / "words"))
    folder = saved(tf, tmp_path / "model", lambda image: pooled(tf, image), asset=asset)
    assert loaded(folder).outputs[0].shape == (1, 3)
    for name in ("../../words", str(tmp_path / "words")):

        def rename(message: Any, name: str = name) -> None:
            message.meta_graphs[0].asset_file_def[0].filename = name

        refused(edited(folder, rename), "asks for a file outside of its folder", "words")


def test_an_op_of_a_library_that_is_not_here(tf: Any, tmp_path: Path) -> None:
    def rename(message: Any) -> None:
        for function in message.meta_graphs[0].graph_def.library.function:
            for node in function.node_def:
                node.op = node.op.replace("Mean", "MeanOfSomebody")

    folder = saved(tf, tmp_path / "model", lambda image: pooled(tf, image))
    assert "'MeanOfSomebody' in function" in broken_line(edited(folder, rename))


def called_instead(message: Any, method: str) -> None:
    """Let the call of the model stand for a method of TensorFlow's own object."""
    graph = message.meta_graphs[0].object_graph_def
    number = next(c.node_id for c in graph.nodes[0].children if c.local_name == "call")
    graph.nodes[0].children.add(local_name=method, node_id=number)


def test_a_function_in_place_of_a_method_of_tensorflow(tf: Any, tmp_path: Path) -> None:
    folder = saved(tf, tmp_path / "model", lambda image: pooled(tf, image))
    edited(folder, lambda message: called_instead(message, "_trackable_children"))
    refused(folder, "Mean", "as soon as the model is loaded")


def _called(saving: Any, answer: Any) -> None:
    node = answer.node_def.add(name="hidden", op="StatefulPartitionedCall")
    node.attr["f"].func.name = saving.signature.name


def _interchangeable(saving: Any, answer: Any) -> None:
    for function in (saving, answer):
        function.attr["api_implements"].s = b"the same"


@pytest.mark.parametrize("join", [_called, _interchangeable])
def test_saving_functions_may_not_be_called(
    tf: Any, plain: Path, join: Callable[[Any, Any], None], tmp_path: Path
) -> None:
    """Each SavedModel has functions that write: they stand aside, as long as nothing runs them."""

    def edit(message: Any) -> None:
        functions = message.meta_graphs[0].graph_def.library.function
        saving = next(f for f in functions if "traced_save" in f.signature.name)
        answer = next(f for f in functions if "signature_wrapper" in f.signature.name)
        join(saving, answer)

    folder = shutil.copytree(plain, tmp_path / "model")
    assert loaded(folder).outputs[0].shape == (1, 4)
    refused(edited(folder, edit), "in function '__inference__traced_save", "may reach files")


def test_a_keras_model_that_was_exported(tf: Any, keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.export(tmp_path / "model", verbose=False)
    assert_answers_as_in_tensorflow(tf, tmp_path / "model")


def test_a_module_with_tables_and_random_numbers(tf: Any, tmp_path: Path) -> None:
    lookup = tf.lookup
    weights = tf.Variable(tf.random.stateless_normal((3, 4), (1, 2)))
    labels = lookup.KeyValueTensorInitializer(tf.constant([0, 1]), tf.constant(["a", "b"]))
    counts = lookup.experimental.MutableHashTable(tf.int64, tf.int64, 0)
    counts.insert(tf.constant([1], tf.int64), tf.constant([2], tf.int64))
    saved(
        tf,
        tmp_path / "model",
        lambda image: tf.nn.softmax(pooled(tf, image) @ weights),
        weights=weights,
        table=lookup.StaticHashTable(labels, "?"),
        counts=counts,
        random=tf.random.Generator.from_seed(1),
    )
    assert_answers_as_in_tensorflow(tf, tmp_path / "model")


def test_no_op_that_names_a_file_or_an_address_is_let_through(tf: Any) -> None:
    """Of all that this TensorFlow has; ``SaveV2`` and ``RestoreV2`` call their files prefixes."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    ops = op_def_pb2.OpList.FromString(
        pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    )
    telling = ("file", "path", "url", "address", "dir", "memory_region", "descriptor_source")
    telling += ("token", "prefix", "mlir", "graph_def", "target_name", "output_stream")
    harmless = {"CTCBeamSearchDecoder", "RiscSort"}  # Paths in a lattice, and a direction.
    let_through = set()
    for op in ops.op:
        names = [part.name for part in (*op.input_arg, *op.attr)]
        is_telling = any(word in name for name in names for word in telling)
        if is_telling and not objection(op, Use.CALLED):
            let_through.add(op.name)
    assert len(ops.op) > 1000
    assert {name for name in let_through - harmless if not name.startswith("CudnnRNN")} == set()


def test_the_command_refuses_and_trusts(
    tf: Any, run_edgecnn: Any, tmp_path: Path, canary: Path
) -> None:
    def write() -> Any:
        tf.io.write_file(str(canary), "written")
        return tf.constant(1.0)

    part = resource(tf, initialize=write)
    folder = saved(tf, tmp_path / "hostile", lambda image: pooled(tf, image), part=part)
    del part
    canary.unlink(missing_ok=True)
    convert = ("convert", folder, "-q", "float32", "-o", tmp_path / "made.tflite")
    result = run_edgecnn(*convert)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert "WriteFile" in line
    assert not canary.exists()
    assert run_edgecnn(*convert, "--trust").returncode == 0
    assert canary.exists()
