"""Small valid models to damage, made by code: ``.tflite`` and Keras files, files of weights."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipInfo

import numpy as np

from edgecnn.data.inputspec import preset
from edgecnn.golden.inputs import ArrayInput, PictureInput
from edgecnn.golden.sample import (
    GOLDEN_FILE,
    GoldenAnswer,
    GoldenCall,
    GoldenOutput,
    GoldenSample,
)
from edgecnn.model_metadata.calibration_digests import CalibrationDigests
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.model_metadata.writing import with_metadata, with_packed_files
from edgecnn.tflite.reading import METADATA_NAME
from edgecnn.tflite.writing import pack, unpack, with_metadata_buffers
from tests.colour_models import write_colour_model
from tests.importing.onnx_files import SmallNet, elsewhere, graph, node, tensor, within
from tests.importing.onnx_files import model as onnx_model

SPEC = preset("tf", 4, 4)
LABELS = b"red\ngreen\nblue\n"
OWN = {
    "edgecnn": "0.1.0", "source": "small.keras", "scheme": "float32", "weights": "random",
    "input": SPEC.to_dict(),
}  # fmt: skip
DESCRIBED = ModelMetadata(
    name="Colours",
    description="Which colour a picture has",
    author="Ada",
    inputs=(TensorMetadata("image", "A picture", (127.5,), (127.5,), "RGB", (-1.0,), (1.0,)),),
    outputs=(TensorMetadata("score", minimum=(0.0,), label_files=("labels.txt",)),),
)


@cache
def tflite_seeds() -> tuple[bytes, ...]:
    """A float file with all metadata, an integer file, and one of what is rare."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        floats = write_colour_model(path, metadata=OWN).read_bytes()
        integers = write_colour_model(path, dtype="uint8").read_bytes()
    whole = with_metadata(floats, DESCRIBED, {"labels.txt": LABELS, GOLDEN_FILE: golden_sample()})
    return whole, integers, _rare(floats)


def _rare(content: bytes) -> bytes:
    """A file with signatures of two subgraphs, an open batch, a custom op and float16 weights."""
    from ai_edge_litert import schema_py_generated as schema

    model, other = unpack(content), unpack(content).subgraphs[0]
    graph = model.subgraphs[0]
    for each in (graph.tensors[0], graph.tensors[1], graph.tensors[4]):
        each.shapeSignature = np.array([-1, *each.shape[1:]], np.int32)
    half = schema.TensorT()
    half.name, half.shape, half.type = "half", graph.tensors[2].shape, schema.TensorType.FLOAT16
    half.buffer = len(model.buffers)
    buffer = schema.BufferT()
    buffer.data = np.eye(3, dtype=np.float16).reshape(-1).view(np.uint8)
    model.buffers.append(buffer)
    graph.tensors.append(half)
    graph.tensors[2].buffer = 0
    graph.tensors[3].quantization = _channels(schema)
    state = schema.TensorT()
    state.name, state.shape, state.isVariable, state.hasRank = "state", [1, 3], True, True
    graph.tensors.append(state)
    widen, odd = schema.OperatorT(), schema.OperatorT()
    widen.opcodeIndex, widen.inputs, widen.outputs = len(model.operatorCodes), [5], [2]
    odd.opcodeIndex, odd.inputs, odd.outputs = len(model.operatorCodes) + 1, [-1, 6], []
    graph.operators = [widen, *graph.operators, odd]
    for number, name in ((schema.BuiltinOperator.DEQUANTIZE, None), (32, "Odd")):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.customCode, code.version = name, 2
        model.operatorCodes.append(code)
    model.subgraphs.append(other)
    model.signatureDefs = [_signature(schema, "serve", 0), _signature(schema, "other", 1)]
    model.description = "made by hand"
    return pack(model, len(content))


def _channels(schema: Any) -> Any:
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = [0.5, 0.25, 1.0], [0, 0, 0]
    quantization.min, quantization.max = [-1.0], [1.0]
    return quantization


def _signature(schema: Any, name: str, subgraph: int) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = name, subgraph
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    signature.inputs[0].name, signature.inputs[0].tensorIndex = "image", 0
    signature.outputs[0].name, signature.outputs[0].tensorIndex = "scores", 4
    return signature


@cache
def golden_sample() -> bytes:
    """A golden sample of three answers, with the digests of four images."""
    scores = np.array([0.5, 0.375, 0.125], np.float32)
    answer = GoldenAnswer("cd" * 32, np.array([2, 0, 1]), scores)
    calls = tuple(
        GoldenCall(pattern, seed, ("ab" * 32,), (answer,))
        for pattern, seed in (("ball", 0), ("stripes", 39), ("texture", 3))
    )
    made = {"runtime": "ai-edge-litert", "runtime_version": "2.3.0", "threads": 1}
    provenance = {"edgecnn": "0.1.0", "source": {"kind": "keras"}, "scheme": "float32"}
    digests = CalibrationDigests.of(np.zeros((4, 4, 4, 3), np.uint8), 3)
    inputs = (PictureInput(SPEC, "float32"),)
    outputs = (GoldenOutput.of("", 3, 1, keeps_best=True),)
    return GoldenSample(inputs, outputs, calls, made, provenance, digests).to_bytes()


@cache
def golden_sample_of_arrays() -> bytes:
    """A golden sample of two inputs and two outputs, one of them a row of scores."""
    inputs = (
        ArrayInput("picture", (1, 4, 4, 3), "float32", 0.0, 1.0),
        ArrayInput("words", (1, 5), "int32", 0.0, 99.0),
    )
    outputs = (
        GoldenOutput.of("kind", 3, 2, keeps_best=True),
        GoldenOutput.of("boxes", 8, 2, keeps_best=False),
    )
    scores = np.array([0.5, 0.375, 0.125], np.float32)
    answers = (
        GoldenAnswer("cd" * 32, np.array([2, 0, 1]), scores),
        GoldenAnswer("ef" * 32, np.arange(8), np.arange(8, dtype=np.float32)),
    )
    calls = (GoldenCall("noise", 0, ("ab" * 32, "ba" * 32), answers),)
    return GoldenSample(inputs, outputs, calls, {"threads": 1}, {"scheme": "int8"}).to_bytes()


def with_golden_sample(sample: bytes) -> bytes:
    """Return a file with this content as its golden sample."""
    return with_packed_files(tflite_seeds()[0], {"labels.txt": LABELS, GOLDEN_FILE: sample})


def with_own_metadata(text: bytes) -> bytes:
    """Return a file that says of itself what this content does, and nothing else."""
    buffers = {METADATA_NAME: text, METADATA_BUFFER: None}
    return with_packed_files(
        with_metadata_buffers(tflite_seeds()[0], buffers), {GOLDEN_FILE: golden_sample()}
    )


def with_public_metadata(content: bytes) -> bytes:
    """Return a file with this content as its public metadata."""
    changed = with_metadata_buffers(tflite_seeds()[0], {METADATA_BUFFER: content})
    return with_packed_files(changed, {"labels.txt": LABELS, GOLDEN_FILE: golden_sample()})


def _layer(kind: str, name: str, before: str | None = None, **settings: Any) -> dict[str, Any]:
    history = {"shape": [None, 1], "dtype": "float32", "keras_history": [before, 0, 0]}
    tensor = {"class_name": "__keras_tensor__", "config": history}
    nodes = [{"args": [tensor], "kwargs": {}}] if before else []
    config = {"name": name, "trainable": True, "dtype": "float32", **settings}
    return {
        "module": "keras.layers", "class_name": kind, "config": config, "registered_name": None,
        "name": name, "inbound_nodes": nodes,
    }  # fmt: skip


CONFIG: dict[str, Any] = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "config": {
        "name": "small",
        "trainable": True,
        "layers": [
            _layer("InputLayer", "image", batch_shape=[None, 8, 8, 3]),
            _layer("Conv2D", "conv", "image", filters=2, kernel_size=[3, 3], activation="relu"),
            _layer("DepthwiseConv2D", "depthwise", "conv", kernel_size=[3, 3]),
            _layer("BatchNormalization", "norm", "depthwise", axis=-1, epsilon=0.001),
            _layer("GlobalAveragePooling2D", "pool", "norm"),
            _layer("Dense", "dense", "pool", units=3, activation="softmax"),
        ],
        "input_layers": [["image", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    },
    "registered_name": "Functional",
}
"""What Keras 3 writes of a small network, without settings that have their defaults."""

ARRAYS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "conv": {"kernel": (3, 3, 3, 2), "bias": (2,)},
    "depthwise": {"kernel": (3, 3, 2, 1), "bias": (2,)},
    "norm": {"gamma": (2,), "beta": (2,), "moving_mean": (2,), "moving_variance": (2,)},
    "dense": {"kernel": (2, 3), "bias": (3,)},
}
GROUPS = {"conv": "conv2d", "depthwise": "depthwise_conv2d", "norm": "batch_normalization"}


@cache
def weights_file() -> bytes:
    """A ``.weights.h5`` of the network, as Keras 3 writes it."""
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for layer, arrays in ARRAYS.items():
            variables = file.create_group(f"layers/{GROUPS.get(layer, layer)}/vars")
            variables.attrs["name"] = layer
            for number, shape in enumerate(arrays.values()):
                variables[str(number)] = np.full(shape, 0.5, np.float32)
        file.create_group("vars")
    return memory.getvalue()


@cache
def keras_file() -> bytes:
    """A ``.keras`` file of the network."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        # A ZipInfo has no time of its own, and the same seed is to give the same files.
        archive.writestr(ZipInfo("metadata.json"), json.dumps({"keras_version": "3.10.0"}))
        archive.writestr(ZipInfo("config.json"), json.dumps(CONFIG))
        archive.writestr(ZipInfo("model.weights.h5"), weights_file())
    return memory.getvalue()


@cache
def hdf5_file() -> bytes:
    """An ``.h5`` file of the whole network, as Keras 2 began to write them."""
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "3.10.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(CONFIG)
        root = file.create_group("model_weights")
        layers = [layer["name"] for layer in CONFIG["config"]["layers"]]
        root.attrs["layer_names"], root.attrs["backend"] = layers, "tensorflow"
        for layer in layers:
            group, arrays = root.create_group(layer), ARRAYS.get(layer, {})
            group.attrs["weight_names"] = [f"{layer}/{name}" for name in arrays]
            for name, shape in arrays.items():
                group[f"{layer}/{name}"] = np.full(shape, 0.5, np.float32)
    return memory.getvalue()


@cache
def onnx_files() -> tuple[bytes, ...]:
    """A small net, and a branch within which another op reads weights of another file."""
    ends = (tensor("image", 1, 3, 8, 8), tensor("y", 1, 3, 8, 8))
    branch = graph([node("Whirl", ["image"], "y", domain="com.acme")], ends)
    ops = [node("If", ["image"], "y", within("then_branch", branch))]
    inner = graph(ops, ends, [elsewhere("kernel", (3, 3), "weights/kernel.bin")])
    return SmallNet(("batch", 3, 16, 16)).content(), onnx_model(inner, "com.acme")


@cache
def exported_program() -> bytes:
    """What torch.export writes, less its weights."""
    ops = [{"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": []}]
    sizes = [{"as_expr": {"expr_str": "Symbol('s0', integer=True)"}}]
    described = {"graph_module": {"graph": {"nodes": ops, "sizes": sizes}}, "torch_version": "2.9"}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(ZipInfo("model/models/model.json"), json.dumps(described))
        archive.writestr(ZipInfo("model/data/weights/weight_0"), bytes(64))
    return packed.getvalue()
