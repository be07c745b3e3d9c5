"""Small ``.onnx`` files, written field by field as onnx.proto numbers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

FLOAT = 1
SIDE = 16
CLASSES = 5

Field = tuple[int, "int | bytes | str"]


def message(*fields: Field) -> bytes:
    """Return a protocol buffer of whole numbers, bytes and texts."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(varint(number << 3) + varint(value))
        else:
            content = value.encode() if isinstance(value, str) else value
            parts.append(varint(number << 3 | 2) + varint(len(content)) + content)
    return b"".join(parts)


def varint(value: int) -> bytes:
    """Return a whole number as protocol buffers hold it."""
    value &= (1 << 64) - 1
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])


def weights(name: str, values: Any) -> bytes:
    """Return a TensorProto of float32 values."""
    sides: list[Field] = [(1, side) for side in values.shape]
    return message(*sides, (2, FLOAT), (8, name), (9, values.astype(np.float32).tobytes()))


def elsewhere(name: str, shape: Sequence[int], file: str) -> bytes:
    """Return a TensorProto whose values lie in another file."""
    place = message((1, "location"), (2, file))
    return message(*[(1, side) for side in shape], (2, FLOAT), (8, name), (13, place), (14, 1))


def numbers(name: str, *values: int) -> bytes:
    """Return an attribute of whole numbers."""
    return message((1, name), *[(8, value) for value in values], (20, 7))


def number(name: str, value: int) -> bytes:
    """Return an attribute of one whole number."""
    return message((1, name), (3, value), (20, 2))


def real(name: str, value: float) -> bytes:
    """Return an attribute of one real number."""
    # Four bytes behind a tag of their own, which :func:`message` has no need of.
    content = varint(2 << 3 | 5) + np.float32(value).tobytes()
    return message((1, name), (20, 1)) + content


def within(name: str, graph: bytes) -> bytes:
    """Return an attribute that is a graph, as branches have."""
    return message((1, name), (6, graph), (20, 5))


def node(op: str, reads: Sequence[str], makes: str, *attributes: bytes, domain: str = "") -> bytes:
    """Return an op."""
    inputs: list[Field] = [(1, name) for name in reads]
    set_of_ops: list[Field] = [(7, domain)] if domain else []
    settings: list[Field] = [(5, attribute) for attribute in attributes]
    return message(*inputs, (2, makes), (4, op), *settings, *set_of_ops)


def tensor(name: str, *sides: int | str) -> bytes:
    """Return an input or an output of float32; a side that is a text is open."""
    stated = [message((1 if isinstance(side, int) else 2, side)) for side in sides]
    shape = message(*[(1, side) for side in stated])
    return message((1, name), (2, message((1, message((1, FLOAT), (2, shape))))))


def graph(
    nodes: Sequence[bytes], ends: tuple[bytes, bytes], initializers: Sequence[bytes] = ()
) -> bytes:
    """Return a graph with one input and one output."""
    return message(
        *[(1, each) for each in nodes],
        (2, "graph"),
        *[(5, each) for each in initializers],
        (11, ends[0]),
        (12, ends[1]),
    )


def model(content: bytes, *domains: str) -> bytes:
    """Return a model of operator set 17."""
    sets = [message((1, domain), (2, 17 if not domain else 1)) for domain in ("", *domains)]
    return message((1, 8), (7, content), *[(8, each) for each in sets])


def rectified(maps: Any) -> Any:
    """Return maps without their negative values."""
    return np.maximum(maps, 0)


class SmallNet:
    """A convolution, a mean of each channel and a dense layer, with seeded weights.

    Args:
        sides: The shape of the input, channels first.
        name: The input's name.
    """

    def __init__(
        self, sides: Sequence[int | str] = (1, 3, SIDE, SIDE), name: str = "image"
    ) -> None:
        random = np.random.default_rng(0)
        self.kernel = random.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
        self.bias = random.normal(0, 0.3, 8).astype(np.float32)
        self.dense = random.normal(0, 1, (CLASSES, 8)).astype(np.float32)
        self.sides, self.name = sides, name

    def content(self, *more: bytes, domains: Sequence[str] = ()) -> bytes:
        """Return the file; more ops may stand between the convolution's "c" and "relu"."""
        between = more or (node("Relu", ["c"], "relu"),)
        nodes = [
            node(
                "Conv", [self.name, "kernel", "bias"], "c",
                numbers("kernel_shape", 3, 3), numbers("strides", 2, 2),
                numbers("pads", 1, 1, 1, 1),
            ),
            *between,
            node("GlobalAveragePool", ["relu"], "mean"),
            node("Flatten", ["mean"], "flat"),
            node("Gemm", ["flat", "dense"], "scores", number("transB", 1)),
        ]  # fmt: skip
        constants = [
            weights("kernel", self.kernel),
            weights("bias", self.bias),
            weights("dense", self.dense),
        ]
        ends = (tensor(self.name, *self.sides), tensor("scores", self.sides[0], CLASSES))
        return model(graph(nodes, ends, constants), *domains)

    def answer(self, image: Any, between: Callable[[Any], Any] = rectified) -> Any:
        """Return the scores of an image, shape (height, width, 3).

        Args:
            image: The image.
            between: What the ops after the convolution make of its maps.
        """
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))[::2, ::2]
        maps = np.einsum("hwcij,ocij->hwo", windows, self.kernel) + self.bias
        return between(maps).mean((0, 1)) @ self.dense.T


def gate() -> list[bytes]:
    """Return ops of which importers leave some with channels first: a gate on a hard swish."""
    return [
        node("HardSwish", ["c"], "swish"),
        node("GlobalAveragePool", ["swish"], "means"),
        node("HardSigmoid", ["means"], "gate", real("alpha", 1 / 6), real("beta", 0.5)),
        node("Mul", ["swish", "gate"], "relu"),
    ]


def gated(maps: Any) -> Any:
    """Return what the ops of :func:`gate` make of maps, shape (height, width, channels)."""
    swish = maps * np.clip(maps / 6 + 0.5, 0, 1)
    return swish * np.clip(swish.mean((0, 1)) / 6 + 0.5, 0, 1)
