"""Detectors whose answers are written in the picture: each row of pixels is a box and its scores.

The files are written without TensorFlow, so that each answer follows from the pixels by arithmetic:
a level of 128 is an offset of 0, 32 levels are 1, and a score is almost 0 of black, 1 of white.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ANCHORS = np.array([
    [y, x, 0.25, 0.125] for y in (0.25, 0.75) for x in (0.2, 0.4, 0.6, 0.8)
])  # fmt: skip
"""Centre y, centre x, height and width of 8 anchors, as shares of the picture's sides."""

SCORES = 3
"""Of each anchor: the background's, and those of two classes."""

HEIGHT, WIDTH = len(ANCHORS), 4 + SCORES
VARIANCES = (0.1, 0.1, 0.2, 0.2)


COUNTS = {
    "max_detections": HEIGHT,
    "max_classes_per_detection": 1,
    "detections_per_class": HEIGHT,
    "num_classes": SCORES - 1,
}
"""Settings of ``TFLite_Detection_PostProcess``; its classes are without the background."""


def picture(found: dict[int, tuple[Sequence[int], int, int]]) -> np.ndarray[Any, Any]:
    """Return the grey picture that says what is found.

    Args:
        found: Number of an anchor -> levels of its four offsets, its class from 1 on, and the level
            of its score.
    """
    levels = np.zeros((HEIGHT, WIDTH), np.uint8)
    levels[:, :4], levels[:, 4] = 128, 255
    for anchor, (offsets, kind, score) in found.items():
        levels[anchor, :4] = offsets
        levels[anchor, 4], levels[anchor, 4 + kind] = 0, score
    return levels


def write_detector(path: Path, *, has_list: bool) -> Path:
    """Write a file of an input (1, 8, 7, 1), which takes grey levels as 0 to 1.

    Args:
        path: Where to write it.
        has_list: Whether it ends in ``TFLite_Detection_PostProcess``; otherwise in raw outputs,
            ``boxes`` of (1, 8, 4) and ``scores`` of (1, 8, 3), which a sigmoid makes.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    parts = _Parts(schema)
    image = parts.tensor("image", (1, HEIGHT, WIDTH, 1))
    boxes = parts.cut(image, 0, 4, "boxes", -128 / 255, 255 / 32)
    logits = parts.cut(image, 4, SCORES, "logits", -0.5, 20.0)
    scores = parts.tensor("scores", (1, HEIGHT, SCORES))
    parts.op("LOGISTIC", [logits], [scores])
    outputs = [boxes, scores]
    if has_list:
        anchors = parts.tensor("anchors", ANCHORS.shape, ANCHORS.astype(np.float32))
        sides = {"found": (1, HEIGHT, 4), "kinds": (1, HEIGHT), "sure": (1, HEIGHT), "count": (1,)}
        outputs = [parts.tensor(name, shape) for name, shape in sides.items()]
        parts.op("TFLite_Detection_PostProcess", [boxes, scores, anchors], outputs, _settings())
    graph = parts.graph
    graph.inputs, graph.outputs = [image], outputs
    model = schema.ModelT()
    model.version, model.subgraphs, model.buffers = 3, [graph], parts.buffers
    model.operatorCodes = parts.codes
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _settings() -> bytes:
    from flatbuffers import flexbuffers

    builder = flexbuffers.Builder()
    with builder.Map():
        for name, number in COUNTS.items():
            builder.Int(name, number)
        builder.Bool("use_regular_nms", False)
        builder.Float("nms_score_threshold", 0.01)
        builder.Float("nms_iou_threshold", 0.6)
        for name, variance in zip("yxhw", VARIANCES, strict=True):
            builder.Float(f"{name}_scale", 1 / variance)
    return bytes(builder.Finish())


class _Parts:
    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self.graph, self.buffers, self.codes = schema.SubGraphT(), [schema.BufferT()], []
        self.graph.tensors, self.graph.operators = [], []

    def tensor(self, name: str, shape: Sequence[int], values: Any = None) -> int:
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.type = self._schema.TensorType.FLOAT32
        if values is not None:
            if values.dtype == np.int32:
                tensor.type = self._schema.TensorType.INT32
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def op(self, name: str, inputs: list[int], outputs: list[int], custom: bytes = b"") -> None:
        code, op = self._schema.OperatorCodeT(), self._schema.OperatorT()
        kinds = self._schema.BuiltinOperator
        code.builtinCode = getattr(kinds, name, kinds.CUSTOM)
        code.deprecatedBuiltinCode, code.version = code.builtinCode, 1
        if custom:
            code.customCode, op.customOptions = name, np.frombuffer(custom, np.uint8)
        op.opcodeIndex, op.inputs, op.outputs = len(self.codes), inputs, outputs
        self.codes.append(code)
        self.graph.operators.append(op)

    def cut(
        self, image: int, begin: int, count: int, name: str, summand: float, factor: float
    ) -> int:
        """Add ops that cut columns out of the picture, and make numbers of their levels."""
        whole = np.int32
        begins = self.tensor(f"{name}_begin", (4,), np.array([0, 0, begin, 0], whole))
        sizes = self.tensor(f"{name}_size", (4,), np.array([1, HEIGHT, count, 1], whole))
        table = self.tensor(f"{name}_shape", (3,), np.array([1, HEIGHT, count], whole))
        part = self.tensor(f"{name}_part", (1, HEIGHT, count, 1))
        self.op("SLICE", [image, begins, sizes], [part])
        rows, moved, made = (
            self.tensor(f"{name}{end}", (1, HEIGHT, count)) for end in ("_rows", "_moved", "")
        )
        self.op("RESHAPE", [part, table], [rows])
        constants = [
            self.tensor(f"{name}_{end}", (1,), np.array([number], np.float32))
            for end, number in (("summand", summand), ("factor", factor))
        ]
        self.op("ADD", [rows, constants[0]], [moved])
        self.op("MUL", [moved, constants[1]], [made])
        return made
