"""Which kinds of ops have integer kernels, and what these kernels ask of scales.

The facts are those of the runtime's kernels and of the published specification of 8-bit numbers
(https://ai.google.dev/edge/litert/models/quantization_spec); the versions are those of
``tflite/converter/tools/versioning/op_version.cc`` in google-ai-edge/LiteRT.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.tflite.numbers import INT8, INT16, Numbers
from edgecnn.tflite.tensors_and_ops import Op


@dataclass(frozen=True)
class IntegerType:
    """The integers that a graph computes with; weights have eight bits in all of them.

    Args:
        activations: Numbers of the activations.
        is_symmetric: Whether the zero point of all activations is 0.
        bias_dtype: Element type of the biases, which the kernels add their sums up in.
        most_bias: Greatest magnitude of a bias, which leaves room for the sums.
    """

    activations: Numbers
    is_symmetric: bool
    bias_dtype: str
    most_bias: float


INT8_ACTIVATIONS = IntegerType(INT8, is_symmetric=False, bias_dtype="int32", most_bias=2.0**30)
INT16_ACTIVATIONS = IntegerType(INT16, is_symmetric=True, bias_dtype="int64", most_bias=2.0**39)


@dataclass(frozen=True)
class IntegerKernel:
    """What an integer kernel takes.

    Args:
        version: Version of the op's kind that has the kernel.
        has_one_scale: Whether the op's inputs and results have one scale, as the kernel copies,
            compares or averages integers.
    """

    version: int
    has_one_scale: bool = False


_OWN_SCALE = {
    "ABS": (2, 3),
    "ADD": (2, 3),
    "ARG_MAX": (2, None),
    "ARG_MIN": (2, None),
    "BATCH_MATMUL": (2, 3),
    "CONV_2D": (3, 1),
    "DEPTHWISE_CONV_2D": (3, 1),
    "ELU": (1, None),
    "EXP": (2, 2),
    "FULLY_CONNECTED": (4, 4),
    "GELU": (1, 2),
    "HARD_SWISH": (1, None),
    "L2_NORMALIZATION": (2, None),
    "LEAKY_RELU": (1, 2),
    "LOGISTIC": (2, 3),
    "LOG_SOFTMAX": (2, None),
    "MEAN": (2, 3),
    "MUL": (2, 4),
    "PRELU": (1, None),
    "RELU": (2, 3),
    "RELU6": (2, 3),
    "RELU_N1_TO_1": (1, None),
    "RSQRT": (2, 3),
    "SOFTMAX": (2, 3),
    "SQUARED_DIFFERENCE": (2, None),
    "SUB": (2, 5),
    "SUM": (2, 2),
    "TANH": (2, 3),
    "TRANSPOSE_CONV": (3, 3),
}

_ONE_SCALE = {
    "AVERAGE_POOL_2D": (2, 3),
    "BATCH_TO_SPACE_ND": (2, 4),
    "BROADCAST_TO": (2, 3),
    "CONCATENATION": (2, 3),
    "DEPTH_TO_SPACE": (1, None),
    "EXPAND_DIMS": (1, 1),
    "GATHER": (2, 4),
    "GATHER_ND": (2, 3),
    "MAXIMUM": (2, 4),
    "MAX_POOL_2D": (2, 3),
    "MINIMUM": (2, 4),
    "MIRROR_PAD": (2, 3),
    "PACK": (2, 3),
    "PAD": (2, 3),
    "PADV2": (2, 3),
    "REDUCE_MAX": (2, 3),
    "REDUCE_MIN": (2, 3),
    "RESHAPE": (1, 1),
    "RESIZE_BILINEAR": (2, 4),
    "RESIZE_NEAREST_NEIGHBOR": (2, 4),
    "REVERSE_V2": (3, 3),
    "SELECT": (2, None),
    "SELECT_V2": (1, None),
    "SLICE": (2, 4),
    "SPACE_TO_BATCH_ND": (2, 4),
    "SPACE_TO_DEPTH": (2, None),
    "SPLIT": (2, 4),
    "SPLIT_V": (2, 2),
    "SQUEEZE": (1, 1),
    "STRIDED_SLICE": (2, 4),
    "TILE": (3, 3),
    "TRANSPOSE": (2, 5),
    "UNPACK": (2, 4),
}
"""Kind -> version of its kernels of 8-bit and 16-bit activations; None where there is none."""


def integer_kernel(op: Op, integers: IntegerType) -> IntegerKernel | None:
    """Return the integer kernel of an op's kind; None where the op has to stay in float32."""
    version = None if op.is_custom else _version(op.kind, integers)
    if version is None:
        return None
    # A file may use a later version for a reason of its own, such as half pixel centres.
    return IntegerKernel(max(version, op.version or 1), op.kind in _ONE_SCALE)


def has_kernel(kind: str, numbers: Numbers) -> bool:
    """Say whether a kind of op has a kernel that computes in a type of numbers.

    Example:
        >>> has_kernel("CONV_3D", INT8)
        False
    """
    types = (INT8_ACTIVATIONS, INT16_ACTIVATIONS)
    integers = next((each for each in types if each.activations is numbers), None)
    return integers is None or _version(kind, integers) is not None


def _version(kind: str, integers: IntegerType) -> int | None:
    """Return the version of a kind of op that has an integer kernel; None where none has."""
    versions = _ONE_SCALE.get(kind) or _OWN_SCALE.get(kind) or (None, None)
    return versions[0 if integers is INT8_ACTIVATIONS else 1]
