"""The files that are tried: converted by edgecnn, spoilt on purpose, and the makers' own."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgecnn
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.labels import imagenet_labels
from edgecnn.model_metadata.public_metadata import AssociatedFile
from edgecnn.model_metadata.writing import with_metadata, with_packed_files

SCHEMES = ("int8", "float32", "float16", "dynamic")
REAL = {"v1": "mobilenet_v1_0.25_224.keras", "v2": "mobilenet_v2_1.0_224.keras"}
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
UNTRAINED = {"squeezenet": "torch", "resnet50": "caffe", "mobilenet_v3_small": "tf"}
"""Architectures and the normalisation that they are registered with, one of each kind."""
SHARPNESS = 20.0
"""Of an untrained network's last layer, whose scores would be all alike."""


def convert_all(shared: Path, folder: Path) -> dict[str, Path]:
    """Convert each network to each scheme; ``v1_int8`` and so on in folders of their own."""
    photos, models = shared / "imagenet_sample" / "images", shared / "models"
    data = {"calibrate": photos, "samples": 32}
    names = imagenet_labels(1001)
    assert names is not None
    real = {**data, "preprocess": "tf", "labels": names}
    # Files with what recovery changes, and plain ones, which take less time to make.
    sources: dict[str, tuple[Any, dict[str, Any]]] = {
        "v1": (models / REAL["v1"], real),
        "v2": (models / REAL["v2"], {**real, "recover": "off"}),
    }
    resnet8 = models / "mlperf_tiny_resnet8_cifar10.keras"
    sources["resnet8"] = (resnet8, {**data, "preprocess": "raw", "labels": CIFAR})
    for name, preset in UNTRAINED.items():
        options = {**data, "preprocess": preset, "labels": CIFAR, "recover": "off"}
        sources[name] = (untrained(name), options)
    made: dict[str, Path] = {}
    for name, (source, options) in sources.items():
        schemes = (*SCHEMES, "int16x8") if name == "resnet8" else SCHEMES
        made |= _convert(name, source, folder, quantize=schemes, **options)
    # Without float32 layers, whose last digits differ from build to build.
    options = sources["v1"][1] | {"without": "float-front"}
    made |= _convert("v1_all", models / REAL["v1"], folder, quantize="int8", **options)
    return made


def untrained(name: str) -> Any:
    """Build a small network with random weights whose scores differ by class."""
    model = edgecnn.build(name, size=64, classes=len(CIFAR), alpha=0.25)
    last = next(layer for layer in reversed(model.layers) if hasattr(layer, "kernel"))
    last.kernel.assign(last.kernel * SHARPNESS)
    return model


def _convert(
    name: str, source: Any, folder: Path, quantize: str | Sequence[str], **options: Any
) -> dict[str, Path]:
    made = {}
    target = folder / f".{name}"
    target.mkdir()
    for result in edgecnn.convert(source, quantize=quantize, output=target, **options):
        key = f"{name}_{result.scheme}"
        made[key] = folder / key / "model.tflite"
        made[key].parent.mkdir()
        result.path.rename(made[key])
    return made


def the_makers(shared: Path, folder: Path) -> dict[str, Path]:
    """Copy the makers' own files, each to a folder of its own."""
    made = {}
    for path in sorted((shared / "peers").rglob("*.tflite")):
        made[path.stem] = folder / path.stem / path.name
        made[path.stem].parent.mkdir()
        shutil.copy(path, made[path.stem])
    return made


def spoilt(made: dict[str, Path], folder: Path) -> dict[str, Path]:
    """Make files that are not drop-in, each for one reason, from those that are."""
    quantised = made["tf2_mobilenet_v2_1.0_224_ptq"]
    contents = {
        "logits": _edited(made["v2_float32"], _without_softmax),
        "int8_input": _edited(made["v2_int8"], _without_first_op),
        "int8_output": _edited(quantised, _without_last_op),
        "dynamic_batch": _edited(made["v2_float32"], _with_open_batch),
        "newer_op": _edited(made["v2_dynamic"], _with_newer_op),
        "custom_op": _edited(made["v2_float32"], _with_custom_op),
        "no_normalisation": _described(made["v2_float32"], mean=None, std=None),
        "no_labels": _labelled(made["v2_int8"], {}),
        "too_few_labels": _labelled(made["v2_int8"], {"labels.txt": b"cat\n" * 1000}),
        "too_many_labels": _labelled(made["v2_float32"], {"labels.txt": b"cat\n" * 1002}),
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = folder / name / "model.tflite"
        paths[name].parent.mkdir()
        paths[name].write_bytes(content)
    return paths


def _edited(path: Path, change: Callable[[Any, Any], None]) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    change(model, schema)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return with_packed_files(bytes(builder.Output()), DescribedFile(path).packed_files)


def _without_last_op(model: Any, schema: Any) -> None:
    graph = model.subgraphs[0]
    graph.outputs = [graph.operators.pop().inputs[0]]
    model.signatureDefs = None


def _without_first_op(model: Any, schema: Any) -> None:
    graph = model.subgraphs[0]
    graph.inputs = [graph.operators.pop(0).outputs[0]]
    model.signatureDefs = None


def _without_softmax(model: Any, schema: Any) -> None:
    code = model.operatorCodes[model.subgraphs[0].operators[-1].opcodeIndex]
    assert code.builtinCode == schema.BuiltinOperator.SOFTMAX
    _without_last_op(model, schema)


def _with_open_batch(model: Any, schema: Any) -> None:
    graph = model.subgraphs[0]
    source = graph.tensors[graph.inputs[0]]
    source.shapeSignature = np.array([-1, *source.shape[1:]], np.int32)


def _with_newer_op(model: Any, schema: Any) -> None:
    """Ask for what the converter asks for dense layers with a scale for each channel."""
    dense = schema.BuiltinOperator.FULLY_CONNECTED
    next(code for code in model.operatorCodes if code.builtinCode == dense).version = 12


def _with_custom_op(model: Any, schema: Any) -> None:
    last = model.subgraphs[0].operators[-1]
    code = model.operatorCodes[last.opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "OwnSoftmax"
    last.builtinOptions, last.builtinOptionsType = None, schema.BuiltinOptions.NONE


def _described(path: Path, **changes: Any) -> bytes:
    metadata = DescribedFile(path).metadata
    assert metadata is not None
    source = dataclasses.replace(metadata.inputs[0], **changes)
    changed = dataclasses.replace(metadata, inputs=(source,))
    return with_metadata(path.read_bytes(), changed, DescribedFile(path).packed_files)


def _labelled(path: Path, files: dict[str, bytes]) -> bytes:
    metadata = DescribedFile(path).metadata
    assert metadata is not None
    scores = dataclasses.replace(metadata.outputs[0], label_files=tuple(files))
    listed = tuple(AssociatedFile(name) for name in files)
    changed = dataclasses.replace(metadata, outputs=(scores,), files=listed)
    return with_metadata(path.read_bytes(), changed, files)


def detection_head(path: Path) -> Path:
    """Write a file of one op, the custom op in which most object detectors end."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    boxes, found = 20, 5
    corners = np.random.Generator(np.random.PCG64(0)).random((boxes, 2))
    anchors = np.hstack([corners, np.full((boxes, 2), 0.2)]).astype(np.float32)
    code, op, graph, model = (
        schema.OperatorCodeT(), schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
    )  # fmt: skip
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = "TFLite_Detection_PostProcess", 1
    shapes = [
        (1, boxes, 4),
        (1, boxes, 4),
        anchors.shape,
        (1, found, 4),
        (1, found),
        (1, found),
        (1,),
    ]
    for place, shape in enumerate(shapes):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = str(place), np.array(shape, np.int32)
        tensor.type, tensor.buffer = schema.TensorType.FLOAT32, int(place == 2)
        graph.tensors = [*(graph.tensors or []), tensor]
    op.inputs, op.outputs = np.arange(3, dtype=np.int32), np.arange(3, 7, dtype=np.int32)
    op.customOptions = np.frombuffer(_detection_options(found), np.uint8)
    graph.inputs, graph.outputs, graph.operators = op.inputs[:2], op.outputs, [op]
    empty, constant = schema.BufferT(), schema.BufferT()
    constant.data = anchors.view(np.uint8).ravel()
    model.version, model.buffers = 3, [empty, constant]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _detection_options(found: int) -> bytes:
    from flatbuffers import flexbuffers

    values = {
        "max_detections": found, "max_classes_per_detection": 1, "num_classes": 3,
        "nms_score_threshold": 0.1, "nms_iou_threshold": 0.5, "y_scale": 10.0, "x_scale": 10.0,
        "h_scale": 5.0, "w_scale": 5.0,
    }  # fmt: skip
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in values.items():
            builder.Key(key)
            (builder.Int if isinstance(value, int) else builder.Float)(value)
    return bytes(builder.Finish())
