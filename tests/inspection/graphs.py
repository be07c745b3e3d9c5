"""Files that tests of the inspection make by hand, in the schema's terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, OperatorCode, TensorInfo
from edgecnn.tflite.writing import pack, unpack

IMAGE = (1, 8, 8, 3)
LABELS = ("red", "green", "blue")
SCALE, ZERO = 1 / 127.5, 127


def tensor(
    index: int, name: str, shape: Sequence[int] = IMAGE, dtype: str = "int8", **others: Any
) -> TensorInfo:
    values = {"scale": (), "zero_point": (), "constant_bytes": 0, **others}
    return TensorInfo(name=name, shape=tuple(shape), dtype=dtype, index=index, **values)


def classifier(
    input_dtype: str = "uint8",
    output_dtype: str = "float32",
    *,
    last: str = "SOFTMAX",
    input_shape: Sequence[int] = IMAGE,
    signature: tuple[int, ...] = (),
    classes: int = 3,
    codes: Sequence[OperatorCode] = (),
    extra: Sequence[Operator] = (),
    metadata: dict[str, bytes] | None = None,
    subgraphs: int = 1,
) -> TfliteModel:
    """A drop-in classifier: QUANTIZE, MEAN, SOFTMAX, DEQUANTIZE, or with one thing changed."""
    quantised = input_dtype != "float32"
    image = tensor(
        0, "image", input_shape, input_dtype, shape_signature=signature, has_rank=True,
        scale=(SCALE,) if quantised else (),
        zero_point=(ZERO - 128 if input_dtype == "int8" else ZERO,) if quantised else (),
    )  # fmt: skip
    inner, sums = tensor(1, "inner"), tensor(2, "sums", (1, classes))
    scores = tensor(3, "scores", (1, classes))
    answer = tensor(4, "answer", (1, classes), output_dtype)
    operators = (
        Operator("QUANTIZE", (image,), (inner,)),
        Operator("MEAN", (inner,), (sums,)),
        *extra,
        *(Operator(code.name, (inner,), (inner,)) for code in codes if code.is_custom),
        Operator(last, (sums,), (scores,)),
        Operator("DEQUANTIZE", (scores,), (answer,)),
    )
    known = [OperatorCode(name, 1) for name in dict.fromkeys(op.name for op in operators)]
    return TfliteModel(
        operators=operators,
        inputs=(image,),
        outputs=(answer,),
        metadata=metadata or {},
        subgraphs=subgraphs,
        operator_codes=tuple(codes) or tuple(known),
    )


def described(**changes: Any) -> ModelMetadata:
    """Public metadata of an RGB input and one output, or with fields of the input changed."""
    values = {"mean": (127.5,), "std": (127.5,), "color_space": "RGB", **changes}
    outputs = (TensorMetadata(name="answer", label_files=("labels.txt",)),)
    return ModelMetadata(inputs=(TensorMetadata(name="image", **values),), outputs=outputs)


def edited(path: Path, change: Callable[[Any], None]) -> Path:
    """Change a file in the schema's object form, in place."""
    content = path.read_bytes()
    model = unpack(content)
    change(model)
    path.write_bytes(pack(model, len(content)))
    return path


def repeated(
    tensors: int = 2, operators: int = 1, scales: int = 0, name_bytes: int = 1, reads: int = 1
) -> bytes:
    """A small file that claims much: every tensor is the same table, and so is every op."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    builder = flatbuffers.Builder(1024)
    entry = _tensor(builder, schema, scales, name_bytes)
    op = _operator(builder, schema, reads)
    graph = _graph(builder, schema, [entry] * tensors, [op] * operators)
    schema.OperatorCodeStart(builder)
    code = schema.OperatorCodeEnd(builder)
    schema.BufferStart(builder)
    buffer = schema.BufferEnd(builder)
    graphs, codes, buffers = (_vector(builder, [each]) for each in (graph, code, buffer))
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, graphs)
    schema.ModelAddOperatorCodes(builder, codes)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(builder: Any, schema: Any, scales: int, name_bytes: int) -> int:
    name = builder.CreateString("n" * name_bytes)
    shape = builder.CreateNumpyVector(np.array(IMAGE, np.int32))
    values = builder.CreateNumpyVector(np.ones(scales, np.float32))
    schema.QuantizationParametersStart(builder)
    schema.QuantizationParametersAddScale(builder, values)
    quantization = schema.QuantizationParametersEnd(builder)
    schema.TensorStart(builder)
    schema.TensorAddShape(builder, shape)
    schema.TensorAddName(builder, name)
    schema.TensorAddQuantization(builder, quantization)
    return int(schema.TensorEnd(builder))


def _operator(builder: Any, schema: Any, reads: int) -> int:
    inputs = builder.CreateNumpyVector(np.zeros(reads, np.int32))
    outputs = builder.CreateNumpyVector(np.ones(1, np.int32))
    schema.OperatorStart(builder)
    schema.OperatorAddInputs(builder, inputs)
    schema.OperatorAddOutputs(builder, outputs)
    return int(schema.OperatorEnd(builder))


def _graph(builder: Any, schema: Any, tensors: list[int], operators: list[int]) -> int:
    entries, ops = _vector(builder, tensors), _vector(builder, operators)
    inputs = builder.CreateNumpyVector(np.array([0], np.int32))
    outputs = builder.CreateNumpyVector(np.array([1], np.int32))
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, entries)
    schema.SubGraphAddOperators(builder, ops)
    schema.SubGraphAddInputs(builder, inputs)
    schema.SubGraphAddOutputs(builder, outputs)
    return int(schema.SubGraphEnd(builder))


def _vector(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
