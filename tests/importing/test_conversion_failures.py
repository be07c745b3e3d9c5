"""What TensorFlow's converter refuses is one line: which op, in which layer, and what helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.core.errors import ConversionError
from edgecnn.importing.freezing.conversion_failures import has_kernel, scope
from edgecnn.importing.input_format import ModelTensor
from edgecnn.importing.tensorflow_converter import convert_traced
from edgecnn.importing.tracing import frozen_once, traced_graph

IMAGE = (1, 8, 8, 4)

NO_MLIR = re.compile(r"tensor<|loc\(|%\d|tf\.[A-Z]|<unknown>|/tmp|\.py|\n|http")
"""What stands in the converter's own messages, and not in a line for a user."""


class Refused(NamedTuple):
    """Ops that TFLite does not have, and what their line says.

    Args:
        answer: Makes an answer of TensorFlow and of images of float32 (1, 8, 8, 4).
        ops: The ops that the line names.
        advice: A part of what the line says to do.
    """

    answer: Callable[[Any, Any], Any]
    ops: str
    advice: str


def mean(tf: Any, image: Any) -> Any:
    return tf.reduce_mean(image, (1, 2))


REFUSED = {
    "decomposition": Refused(
        lambda tf, x: tf.linalg.svd(x[0], compute_uv=False), "Svd", "compute it in the app"
    ),
    "fourier": Refused(
        lambda tf, x: tf.math.real(tf.signal.ifft(tf.cast(x, tf.complex64))), "IFFT", "rfft2d"
    ),
    "complex numbers": Refused(
        lambda tf, x: tf.signal.dct(mean(tf, x)), "StridedSlice", "split them into real"
    ),
    "text": Refused(
        lambda tf, x: tf.strings.length(tf.strings.as_string(x)),
        "AsString, StringLength",
        "prepare text before the model",
    ),
    "files of images": Refused(
        lambda tf, x: tf.io.decode_jpeg(tf.io.encode_jpeg(tf.cast(x[0, ..., :3], tf.uint8))),
        "EncodeJpeg, DecodeJpeg",
        "decode the data before the model",
    ),
    "crops": Refused(
        lambda tf, x: tf.image.extract_glimpse(x, (4, 4), [[0.0, 0.0]]),
        "ExtractGlimpseV2",
        "cut by slicing",
    ),
    "resizing": Refused(
        lambda tf, x: tf.image.resize(x, (4, 4), antialias=True),
        "ScaleAndTranslate",
        "without antialias",
    ),
    "augmentation": Refused(
        lambda tf, x: tf.image.adjust_hue(x[..., :3], 0.1), "AdjustHue", "training=False"
    ),
    "python": Refused(
        lambda tf, x: tf.numpy_function(lambda a: a, [x], tf.float32), "PyFunc", "TensorFlow's ops"
    ),
    "channels first": Refused(
        lambda tf, x: tf.nn.space_to_depth(tf.transpose(x, (0, 3, 1, 2)), 2, data_format="NCHW"),
        "SpaceToDepth",
        "export the model with channels last",
    ),
    "whole numbers": Refused(
        lambda tf, x: tf.nn.conv2d(
            tf.cast(x, tf.int32), tf.ones((3, 3, 4, 2), tf.int32), 1, "SAME"
        ),
        "Conv2D",
        "none takes int32: cast to float32",
    ),
    "many sides": Refused(
        lambda tf, x: tf.pad(tf.reshape(x, (1, 2, 4, 2, 4, 2, 2)), [[0, 1]] * 7),
        "Pad",
        "7 sides: reshape them to at most 4",
    ),
    "strides": Refused(
        lambda tf, x: tf.nn.max_pool2d(x, (1, 1, 1, 2), (1, 1, 1, 2), "SAME"),
        "MaxPool",
        "strides, dilations, types or shapes",
    ),
    "lists": Refused(
        lambda tf, x: tf.map_fn(
            lambda row: tf.boolean_mask(row, row > 0)[:1],
            x[0],
            fn_output_signature=tf.TensorSpec((None,), tf.float32),
        ),
        "lists of tensors",
        "give it one size",
    ),
    "sparse tensors": Refused(
        lambda tf, x: tf.sparse.sparse_dense_matmul(tf.sparse.from_dense(x[0, 0]), tf.ones((4, 2))),
        "SparseTensorDenseMatMul",
        "with dense tensors",
    ),
    "a function": Refused(lambda tf, x: tf.math.erf(x), "Erf", "approximate=True"),
    "anything else": Refused(lambda tf, x: tf.math.zeta(x, x), "Zeta", "replace that layer"),
}


def converted(tf: Any, answer: Callable[[Any, Any], Any], dtype: str = "float32") -> bytes:
    """Convert a model with one layer ``odd`` in a part ``head``."""

    def call(image: Any) -> Any:
        with tf.name_scope("head/odd/"):
            return answer(tf, image)

    return convert_traced(traced_graph(call, [ModelTensor("image", IMAGE, dtype)]).graph)


def refusal(tf: Any, answer: Callable[[Any, Any], Any]) -> str:
    with pytest.raises(ConversionError) as error:
        converted(tf, answer)
    text = str(error.value)
    assert not NO_MLIR.search(text)
    return text


@pytest.mark.parametrize("kind", REFUSED)
def test_op_layer_and_way_out(tf: Any, kind: str) -> None:
    refused = REFUSED[kind]
    text = refusal(tf, refused.answer)
    assert f"no TFLite kernel for {refused.ops} (in 'head/odd" in text
    assert refused.advice in text


def test_ops_of_several_kinds_have_a_way_out_each(tf: Any) -> None:
    text = refusal(tf, lambda tf, x: tf.linalg.det(tf.math.erf(x[0, :, :4])))
    first, second = text.split("; ")
    assert "Erf (in 'head/odd')" in first
    assert "MatrixDeterminant (in 'head/odd')" in second


def test_old_control_flow(tf: Any) -> None:
    def answer(tf: Any, x: Any) -> Any:
        branches = [lambda: x, lambda: x * 2, lambda: x * 3]
        return tf.switch_case(tf.cast(tf.reduce_max(x), tf.int32), branches)

    call = tf.function(lambda x: answer(tf, x))
    weights = tf.Variable(1.0)  # A model with variables is frozen, which changes branches.
    with pytest.raises(ConversionError, match=r"tf\.cond, of which several stand for") as error:
        made = frozen_once(
            lambda x: call(x) * weights, [ModelTensor("x", IMAGE)], had_open_batch=False
        )
        convert_traced(made.function.graph)
    assert "\n" not in str(error.value)


def test_a_model_of_keras_is_told_by_its_layers(keras: Any, tf: Any, tmp_path: Any) -> None:
    inputs = keras.Input((4, 8, 8, 3))
    x = keras.layers.Conv3D(4, 3, name="conv")(inputs)
    x = keras.layers.MaxPooling3D(name="peculiar")(x)
    with pytest.raises(ConversionError, match=r"MaxPool3D \(in 'peculiar'\): replace that layer"):
        edgecnn.convert(keras.Model(inputs, x), quantize="float32", output=tmp_path)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_floats_become_float32(tf: Any, dtype: str) -> None:
    kernel = np.random.Generator(np.random.PCG64(1)).normal(size=(3, 3, 4, 2))

    def answer(tf: Any, x: Any) -> Any:
        return tf.nn.relu(tf.nn.conv2d(x, tf.constant(kernel, x.dtype), 1, "SAME"))

    def call(image: Any) -> Any:
        return answer(tf, tf.cast(image, dtype))

    with pytest.raises(Exception, match=r"neither a custom op"):
        function = tf.function(call).get_concrete_function(tf.TensorSpec(IMAGE))
        tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    interpreter = Interpreter(model_content=converted(tf, answer, dtype))
    interpreter.allocate_tensors()
    image = np.random.Generator(np.random.PCG64(2)).uniform(0, 1, IMAGE).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert found.dtype == np.float32
    rounded = tf.constant(tf.cast(tf.constant(kernel, dtype), tf.float32))
    wanted = tf.nn.relu(tf.nn.conv2d(image, rounded, 1, "SAME"))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_scopes_and_kernels_by_name() -> None:
    assert scope("StatefulPartitionedCall/PartitionedCall_1/net/odd/Svd@body_1") == "net/odd"
    assert scope("Svd") == ""
    assert all(map(has_kernel, ["AddV2", "BatchMatMulV2", "Conv2D", "MatMul", "StridedSlice"]))
    assert not any(map(has_kernel, ["Svd", "MaxPool3D", "UniqueWithCounts", "LeftShift"]))
