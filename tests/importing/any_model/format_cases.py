"""Models in other forms than Keras 3's own: SavedModels, Keras 2, ``.tflite``, ONNX."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.importing.formats.exported_program import converter_python
from tests.importing.onnx_files import SmallNet, gate, gated

from .cases import WORDS, Input, Source, case
from .keras_cases import of_images, sequential_model
from .keras_sources import answers_of, in_memory, keras_converters, one_by_one, settle

IMAGE = Input("image", (32, 32, 3), is_image=True)


def _of_folder(path: Path, inputs: list[Input], signature: str = "serving_default") -> Source:
    """Return a SavedModel as a source; answers are those of a signature."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    call = loaded.signatures[signature]
    names = list(call.structured_input_signature[1])

    def answer(batch: Any) -> Any:
        values = batch if isinstance(batch, list) else [batch]
        return call(**dict(zip(names, map(tf.constant, values), strict=True)))

    def converter() -> Any:
        return tf.lite.TFLiteConverter.from_saved_model(str(path), signature_keys=[signature])

    return Source(path, inputs, answers_of(answer), [converter])


@case("SavedModel by Keras' export", preprocess="tf")
def exported(folder: Path) -> Source:
    model = settle(of_images())
    model.export(folder / "exported", verbose=False)
    return _of_folder(folder / "exported", [IMAGE])


@case("SavedModel with augmentation")
def augmented(folder: Path) -> Source:
    from keras import Sequential, layers

    flips = Sequential([layers.RandomFlip(), layers.RandomContrast(0.2), layers.Rescaling(1 / 255)])
    model = settle(sequential_model(flips))
    model.export(folder / "augmented", verbose=False)
    return _of_folder(folder / "augmented", [IMAGE])


def _module(tf: Any, dtype: str) -> Any:
    """Return a tf.Module that classifies images, and its call."""
    generator = np.random.Generator(np.random.PCG64(0))
    module = tf.Module()
    module.kernel = tf.Variable(generator.normal(0, 0.27, (3, 3, 3, 16)).astype(np.float32))
    module.dense = tf.Variable(generator.normal(0, 0.35, (16, 10)).astype(np.float32))

    def call(image: Any) -> Any:
        x = tf.cast(image, tf.float32) / 127.5 - 1 if dtype == "uint8" else image
        x = tf.nn.relu(tf.nn.conv2d(x, module.kernel, 2, "SAME"))
        return {"scores": tf.nn.softmax(tf.reduce_mean(x, (1, 2)) @ module.dense)}

    return module, tf.function(call)


def _saved_module(folder: Path, dtype: str) -> Source:
    import tensorflow as tf

    module, call = _module(tf, dtype)
    spec = tf.TensorSpec((None, 32, 32, 3), dtype, name="image")
    tf.saved_model.save(module, str(folder / "module"), call.get_concrete_function(spec))
    return _of_folder(folder / "module", [Input("image", (32, 32, 3), dtype, is_image=True)])


@case("SavedModel of a tf.Module", preprocess="tf")
def tf_module(folder: Path) -> Source:
    return _saved_module(folder, "float32")


@case("SavedModel that takes uint8")
def takes_uint8(folder: Path) -> Source:
    return _saved_module(folder, "uint8")


@case("SavedModel, one of two signatures", preprocess="tf", signature="features")
def two_signatures(folder: Path) -> Source:
    import tensorflow as tf

    module, call = _module(tf, "float32")
    spec = tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image")

    @tf.function(input_signature=[spec])
    def features(image: Any) -> Any:
        x = tf.nn.relu(tf.nn.conv2d(image, module.kernel, 2, "SAME"))
        return {"features": tf.reduce_mean(x, (1, 2))}

    signatures = {"serving_default": call.get_concrete_function(spec), "features": features}
    tf.saved_model.save(module, str(folder / "two"), signatures)
    return _of_folder(folder / "two", [IMAGE], "features")


def _saved_call(folder: Path, module: Any, call: Any, *specs: Any) -> Path:
    """Save a module whose only signature is a function of it."""
    import tensorflow as tf

    answer = tf.function(tf.autograph.to_graph(call), input_signature=specs)
    tf.saved_model.save(module, str(folder), answer)
    return folder


def _stateful(folder: Path, call: Any) -> Source:
    """Return a SavedModel of images whose variable ``state`` a function changes."""
    import tensorflow as tf

    module, scores = _module(tf, "float32")
    module.state = tf.Variable(tf.ones(10), name="state")
    spec = tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image")
    _saved_call(folder, module, lambda image: call(module, scores(image)["scores"]), spec)
    source = _of_folder(folder, [IMAGE])
    return replace(source, answer=one_by_one(source.answer))


@case("SavedModel whose loop changes a variable", preprocess="tf")
def changed_in_a_loop(folder: Path) -> Source:
    import tensorflow as tf

    def call(module: Any, scores: Any) -> Any:
        module.state.assign(tf.ones(10))
        for _ in tf.range(3):
            module.state.assign(module.state * 0.5 + scores[0])
        return {"scores": scores + module.state}

    return _stateful(folder / "loop", call)


@case("SavedModel whose state lasts from call to call", preprocess="tf")
def lasting_state(folder: Path) -> Source:
    def call(module: Any, scores: Any) -> Any:
        module.state.assign(module.state * 0.9 + scores[0] * 0.1)
        return {"scores": scores + module.state}

    return _stateful(folder / "lasting", call)


def _table(keys: Any, values: Any, default: Any) -> Any:
    import tensorflow as tf

    entries = tf.lookup.KeyValueTensorInitializer(keys, values)
    return tf.lookup.StaticHashTable(entries, default)


@case("SavedModel that names the class by a table", preprocess="tf")
def named_class(folder: Path) -> Source:
    import tensorflow as tf

    module, scores = _module(tf, "float32")
    names = tf.constant([f"class {number}" for number in range(10)])
    module.names = _table(tf.range(10, dtype=tf.int64), names, "none")
    spec = tf.TensorSpec((None, 32, 32, 3), tf.float32, name="image")

    def call(image: Any) -> Any:
        found = scores(image)["scores"]
        return {"scores": found, "title": module.names.lookup(tf.argmax(found, 1))}

    return _of_folder(_saved_call(folder / "named", module, call, spec), [IMAGE])


@case("SavedModel of words, looked up in a table")
def words(folder: Path) -> Source:
    import tensorflow as tf

    module, _ = _module(tf, "float32")
    generator = np.random.Generator(np.random.PCG64(1))
    known = tf.constant(WORDS[:-1])
    module.known = _table(known, tf.range(1, 5, dtype=tf.int64), tf.constant(0, tf.int64))
    module.rows = tf.Variable(generator.normal(0, 1, (5, 16)).astype(np.float32))

    def call(words: Any) -> Any:
        rows = tf.gather(module.rows, module.known.lookup(words))
        return {"scores": tf.nn.softmax(tf.reduce_mean(rows, 1) @ module.dense)}

    spec = tf.TensorSpec((None, 6), tf.string, name="words")
    path = _saved_call(folder / "words", module, call, spec)
    return _of_folder(path, [Input("words", (6,), "string")])


KERAS_2 = """
import sys
import numpy as np
import tf_keras as keras
layers, path = keras.layers, sys.argv[1]
keras.utils.set_random_seed(0)
inputs = keras.Input((32, 32, 3), name="image")
x = layers.Conv2D(16, 3, strides=2, use_bias=False)(inputs)
x = layers.ReLU(6.0)(layers.BatchNormalization()(x) * 0.5 + 0.1)
x = layers.SeparableConv2D(32, 3, padding="same", activation="relu")(x)
x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
model = keras.Model(inputs, x)
for weight in model.trainable_weights:
    if "kernel" in weight.name:
        shape = tuple(weight.shape)
        fan_in = np.prod(shape[:-2] if "depthwise" in weight.name else shape[:-1])
        weight.assign(np.random.normal(0, np.sqrt(2 / fan_in), shape))
model.compile("adam", "categorical_crossentropy")
model.save(path)
model.export(path + ".exported")
"""


def _keras_2(folder: Path, ending: str) -> Source:
    path = folder / f"keras2{ending}"
    subprocess.run([sys.executable, "-c", KERAS_2, str(path)], check=True, capture_output=True)
    source = _of_folder(Path(f"{path}.exported"), [IMAGE])
    return Source(path, source.inputs, source.answer, source.converters)


@case("Keras 2, .h5", preprocess="tf", needs="tf_keras")
def keras_2_h5(folder: Path) -> Source:
    return _keras_2(folder, ".h5")


@case("Keras 2, .keras", preprocess="tf", needs="tf_keras")
def keras_2_keras(folder: Path) -> Source:
    return _keras_2(folder, ".keras")


def _tflite(folder: Path, converter: Any, model: Any) -> Source:
    """Convert a Keras model by the plain converter, and return the file as a source."""
    path = folder / "float.tflite"
    path.write_bytes(converter().convert())
    source = in_memory(model)
    return Source(path, source.inputs, one_by_one(_interpreted(path)), source.converters)


def _interpreted(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (entry,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.allocate_tensors()

    def answers(batch: list[Any]) -> list[Any]:
        interpreter.set_tensor(entry["index"], batch[0])
        interpreter.invoke()
        return [interpreter.get_tensor(answer["index"])]

    return answers


@case("float .tflite of one sample", preprocess="tf")
def tflite_file(folder: Path) -> Source:
    model = settle(of_images())
    return _tflite(folder, keras_converters(model)[1], model)


@case("float .tflite with an open batch", preprocess="tf")
def tflite_open_batch(folder: Path) -> Source:
    model = settle(of_images())
    return _tflite(folder, keras_converters(model)[0], model)


@case("ONNX, channels first", preprocess="tf", needs="onnx2tf")
def onnx_file(folder: Path) -> Source:
    net = SmallNet((1, 3, 32, 32))
    path = folder / "net.onnx"
    path.write_bytes(net.content())
    return Source(path, [IMAGE], one_by_one(lambda batch: [net.answer(batch[0][0])[None]]), [])


@case("ONNX, clips and gates with channels first inside", preprocess="tf", needs="onnx2tf")
def onnx_gates(folder: Path) -> Source:
    net = SmallNet((1, 3, 32, 32))
    path = folder / "net.onnx"
    path.write_bytes(net.content(*gate()))

    def answer(batch: list[Any]) -> list[Any]:
        return [net.answer(batch[0][0], gated)[None]]

    return Source(path, [IMAGE], one_by_one(answer), [])


PYTORCH = """
import sys
import numpy
import torch
from torch import nn
torch.manual_seed(0)

class Gated(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 8, 1), nn.ReLU(),
            nn.Conv2d(8, channels, 1), nn.Hardsigmoid(),
        )
    def forward(self, maps):
        return maps * self.gate(maps)

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish(),
    nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU6(), Gated(16),
    nn.Conv2d(16, 32, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
)
for layer in model.modules():
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight)
images = torch.from_numpy(numpy.load(sys.argv[2]))
with torch.no_grad():
    for _ in range(40):
        model.train()(2 * torch.rand(32, 3, 32, 32) - 1)
    numpy.save(sys.argv[3], model.eval()(images).numpy())
torch.export.save(torch.export.export(model, (images[:1].clone(),)), sys.argv[1])
"""


@case(".pt2 of PyTorch, channels first", preprocess="tf", needs="litert-torch")
def exported_program(folder: Path) -> Source:
    path = folder / "net.pt2"

    def answer(images: Any) -> Any:
        asked, answered = folder / "asked.npy", folder / "answered.npy"
        np.save(asked, np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        command = [str(converter_python()), "-I", "-c", PYTORCH]
        subprocess.run([*command, path, asked, answered], check=True, capture_output=True)
        return np.load(answered)

    return Source(path, [IMAGE], lambda batch: [answer(batch[0])], [])
