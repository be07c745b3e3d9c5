"""SavedModels of TensorFlow 1 run ops of their graph when they are loaded: harmless ones alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .outside_models import (
    FILE,
    SIDE,
    assert_answers_as_in_tensorflow,
    edited,
    loaded,
    pooled,
    refused,
)


def saved_by_tensorflow_1(
    tf: Any, folder: Path, place: Callable[[Any], dict[str, Any]] = lambda tf: {}
) -> Path:
    """Save a graph of TensorFlow 1, to which ``place`` adds something.

    Args:
        tf: TensorFlow.
        folder: Where to save it.
        place: Adds to the graph, and returns further arguments of the builder.
    """
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        image = v1.placeholder(tf.float32, (None, SIDE, SIDE, 3), "image")
        kernel = v1.get_variable("kernel", (3, 4))
        bias = v1.get_variable("bias", (4,), use_resource=True)
        keys, values = tf.constant(["a", "b"]), tf.constant([1, 2])
        tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0)
        answer = tf.identity(pooled(tf, image) @ kernel + bias, name="answer")
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def({"image": image}, {"answer": answer})
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, **place(tf)
        )
        builder.save()
    return folder


def local_variable(tf: Any, written: Any) -> dict[str, Any]:
    def initial() -> Any:
        with tf.control_dependencies([written]):
            return tf.constant(1.0)

    tf.compat.v1.get_local_variable("local", initializer=initial, use_resource=True)
    return {}


def table_initializer(tf: Any, written: Any) -> dict[str, Any]:
    tf.compat.v1.add_to_collection("table_initializer", written)
    return {}


def restoring(tf: Any, written: Any) -> dict[str, Any]:
    saver = tf.compat.v1.train.Saver()
    graph = tf.compat.v1.get_default_graph()
    graph.get_operation_by_name("save/restore_all")._add_control_input(written)
    return {"saver": saver}


PLACES: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "main op": lambda tf, written: {"main_op": written},
    "init op": lambda tf, written: {"legacy_init_op": written},
    "table": table_initializer,
    "local variable": local_variable,
    "restoring": restoring,
    "nowhere": lambda tf, written: {},
}


@pytest.mark.parametrize("where", PLACES)
def test_a_graph_that_writes_a_file(tf: Any, where: str, tmp_path: Path, canary: Path) -> None:
    def place(tf: Any) -> dict[str, Any]:
        return PLACES[where](tf, tf.raw_ops.WriteFile(filename=str(canary), contents="a"))

    folder = saved_by_tensorflow_1(tf, tmp_path / "hostile", place)
    canary.unlink(missing_ok=True)
    refused(folder, "'WriteFile' in the main graph")
    assert not canary.exists()
    assert loaded(folder, trust=True).outputs[0].shape == (1, 4)
    assert canary.exists() == (where != "nowhere")


def test_a_signature_that_tensorflow_runs_at_once(tf: Any, tmp_path: Path) -> None:
    def run_at_once(message: Any) -> None:
        key = "__saved_model_init_op"
        message.meta_graphs[0].signature_def[key].outputs[key].name = "answer"

    folder = saved_by_tensorflow_1(tf, tmp_path / "hostile")
    refused(edited(folder, run_at_once), "as soon as the model is loaded")


def test_a_graph_of_tensorflow_1_restores_from_its_own_folder(tf: Any, tmp_path: Path) -> None:
    def elsewhere(message: Any) -> None:
        graph = message.meta_graphs[0].graph_def
        for node in graph.node:
            if node.op == "RestoreV2":
                other = graph.node.add(name="elsewhere", op="Const")
                other.attr["dtype"].type = tf.string.as_datatype_enum
                other.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(FILE))
                node.input[0] = "elsewhere"

    folder = saved_by_tensorflow_1(tf, tmp_path / "model")
    assert_answers_as_in_tensorflow(tf, folder)
    refused(edited(folder, elsewhere), "'RestoreV2' in the main graph", "may reach files")
