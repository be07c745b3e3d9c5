"""Why TensorFlow's converter refused a graph, in one line: which op, where, and what to do.

What the converter raises are lines of its compiler's language, with paths of this machine and whole
graphs. Beside them it keeps what it refused as data, and only those are read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.core.text import first_few

tf = LazyModule("tensorflow", extra="convert")

MOST_RANK = 5
"""Sides of a tensor up to which most of TFLite's kernels work."""

CASTABLE = {"float32", "int32", "int64", "int16", "uint16", "uint32", "uint8", "int8", "bool"}
"""Types between which TFLite's cast goes."""

CALL = re.compile(r"((Stateful)?PartitionedCall(_\d+)?/)+")
"""How TensorFlow calls the place of a function that was called, within the function."""

ADVICE = (
    (
        r".*PyFunc.*",
        "it is Python code, which no file can hold: write that step in TensorFlow's ops",
    ),
    (
        r"(Decode|Encode)(Jpeg|Png|Bmp|Gif|Image|AndCropJpeg|Raw|Base64|CSV|Wav)|ParseExample.*"
        r"|ParseSingleExample.*",
        "decode the data before the model, and export a signature that takes pixels, uint8 of "
        "shape (None, height, width, 3), which --signature chooses",
    ),
    (
        r"LookupTable.*|(Mutable|Anonymous)?HashTable.*",
        "a .tflite file keeps tables from int64 to text and back, no others, and none that grow: "
        "look numbers up by tf.gather of a constant, and other things before the model",
    ),
    (
        r"String.*|AsString|.*Unicode.*|RegexReplace|StaticRegex\w+|Substr|ReduceJoin.*",
        "prepare text before the model, and export it with numbers as its input",
    ),
    (
        r"ResizeBicubic|ResizeArea|ScaleAndTranslate",
        "resize by 'bilinear' or 'nearest' without antialias, or before the model",
    ),
    (
        r"RGBToHSV|HSVToRGB|Adjust(Hue|Saturation|Contrast).*|ImageProjectiveTransform.*"
        r"|DrawBoundingBoxes.*|.*Random.*|.*TruncatedNormal|SampleDistorted\w+",
        "export the model without augmentation and random numbers, as by "
        "lambda image: model(image, training=False)",
    ),
    (
        r"lists of tensors|TensorList.*|TensorArray.*",
        "a list grows or holds tensors of several shapes: give it one size and one element_shape",
    ),
    (
        r"Svd|Qr|Lu|Cholesky.*|Eig|SelfAdjointEig.*|Matrix(Inverse|Determinant|Solve|Exponential)"
        r"|LogMatrixDeterminant|MatrixTriangularSolve|MatrixSolveLs",
        "leave this decomposition out of the model, and compute it in the app",
    ),
    (
        r"I?FFT.*|IRFFT.*|Complex.*",
        "of the Fourier transforms only tf.signal.rfft and rfft2d have a kernel: split complex "
        "numbers into real and imaginary parts",
    ),
    (
        r"Sparse.*|Ragged.*|CTC.*",
        "end the model before it, with dense tensors, and do that step in the app",
    ),
    (
        r"CropAndResize|ExtractGlimpse.*",
        "cut by slicing and resize by tf.image.resize, or end the model before it",
    ),
    (
        r"CombinedNonMaxSuppression",
        "use tf.image.non_max_suppression, or end the model with boxes and scores",
    ),
    (
        r"MaxPoolWithArgmax|FractionalMaxPool|FractionalAvgPool",
        "use a plain tf.nn.max_pool2d or tf.nn.avg_pool2d",
    ),
    (
        r"ExtractImagePatches",
        "use tf.nn.space_to_depth, or a convolution whose kernel picks pixels",
    ),
    (
        r"Erf|Erfc|Erfinv|Ndtri",
        "use an activation that has a kernel, such as gelu with approximate=True",
    ),
)
"""What helps with ops that have no kernel, whatever their numbers are."""

NO_KERNEL = "replace that layer, or end the model before it and do that step in the app"

NO_SUCH_KERNEL = (
    "its kernel does not take this use of it (strides, dilations, types or shapes): build that "
    "layer in another way, or end the model before it and do that step in the app"
)

OTHER_NAMES = {
    "MatMul": "FULLY_CONNECTED",
    "Conv2DBackpropInput": "TRANSPOSE_CONV",
    "Conv3DBackpropInput": "CONV_3D_TRANSPOSE",
    "MaxPool": "MAX_POOL_2D",
    "AvgPool": "AVERAGE_POOL_2D",
}
"""TensorFlow's names of ops that TFLite calls by other words."""

LIST_PASS = "LowerStaticTensorListPass"
"""The part of the converter that refuses what it cannot do with lists of tensors."""

LIST = "lists of tensors"
"""What the ops are called here that such a list is made of."""


OLD_CONTROL_FLOW = (
    "the model loops or branches in a way that TFLite has no kernel for: write it as tf.while_loop "
    "and tf.cond, of which several stand for a tf.switch_case"
)


@dataclass(frozen=True)
class Refused:
    """An op that the converter refused.

    Args:
        kind: What TensorFlow calls the op: ``"Svd"``.
        name: Its name in the graph; empty if that is not known.
        op: The op in the graph, a ``tf.Operation``; None if it lies in a function.
    """

    kind: str
    name: str
    op: Any | None

    @property
    def place(self) -> str:
        """The scope that the op is in, which has its layer's name; empty if it is in none."""
        return scope(self.name)

    @property
    def advice(self) -> str:
        """What to do."""
        own = next((text for kinds, text in ADVICE if re.fullmatch(kinds, self.kind)), None)
        if own is None and has_kernel(self.kind):
            return _advice_on_tensors(self.op) or NO_SUCH_KERNEL
        return own or NO_KERNEL


def has_kernel(kind: str) -> bool:
    """Say whether TFLite has a kernel for a TensorFlow op, if only for some of its uses.

    Example:
        >>> has_kernel("DepthwiseConv2dNative"), has_kernel("Svd")
        (True, False)
    """
    from ai_edge_litert import schema_py_generated as schema

    plain = re.sub(r"(Native)?(V\d+)?$", "", kind)
    name = OTHER_NAMES.get(kind, plain).replace("_", "").lower()
    return any(known.replace("_", "").lower() == name for known in vars(schema.BuiltinOperator))


def scope(name: str) -> str:
    """Return the scope that an op is in, without what TensorFlow puts around functions.

    Example:
        >>> scope("StatefulPartitionedCall/net_1/odd/Svd@__inference_serve_12")
        'net_1/odd'
    """
    return CALL.sub("", name.partition("@")[0]).rpartition("/")[0]


def explain_failure(error: Exception, graph: Any) -> str:
    """Return why the converter gave up in one line.

    Args:
        error: What the converter raised.
        graph: The TensorFlow graph that it was given.

    Example:
        >>> explain_failure(error, graph)
        "no TFLite kernel for Svd (in 'head/odd'): leave this decomposition out of the model, ..."
    """
    refused = list(dict.fromkeys(_refused(error, graph)))
    return explain_refused(refused) if refused else _unnamed(error)


def explain_refused(refused: Iterable[Refused]) -> str:
    """Return one line that names ops, their layers, and what to do about each."""
    by_advice: dict[str, list[Refused]] = {}
    for each in refused:
        by_advice.setdefault(each.advice, []).append(each)
    return "; ".join(
        f"no TFLite kernel for {_listed(those)}: {advice}" for advice, those in by_advice.items()
    )


def _listed(those: Sequence[Refused]) -> str:
    kinds = first_few(dict.fromkeys(each.kind for each in those))
    places = first_few(dict.fromkeys(quoted(each.place) for each in those if each.place))
    return f"{kinds} (in {places})" if places else kinds


def _refused(error: Exception, graph: Any) -> Iterator[Refused]:
    """Yield what the converter has noted down of the ops that it refused."""
    # The last note is the op that runs first.
    for note in reversed(getattr(error, "errors", [])):
        name = note.location.call[0].name if note.location.call else ""
        kind = LIST if note.subcomponent == LIST_PASS else note.operator.name.rpartition(".")[2]
        if name and kind:
            yield Refused(kind, name, _op(graph, name))


def _op(graph: Any, name: str) -> Any | None:
    try:
        return graph.get_operation_by_name(name)
    except (KeyError, ValueError):
        return None


def _advice_on_tensors(op: Any | None) -> str | None:
    """Return what helps an op that has a kernel, but none for such tensors."""
    if op is None:
        return None
    tensors = [*op.inputs, *op.outputs]
    types = {tensor.dtype.name for tensor in tensors}
    if any(name.startswith("complex") for name in types):
        return "it computes with complex numbers: split them into real and imaginary parts"
    if "string" in types:
        return "prepare text before the model, and export it with numbers as its input"
    attributes = op.node_def.attr
    if attributes["data_format"].s.startswith(b"NC"):
        return "its images have their channels first: export the model with channels last"
    stated = {_type_name(attributes[name].type) for name in ("T", "SrcT", "DstT")} - {""}
    if odd := stated - (CASTABLE if op.type == "Cast" else {"float32"}):
        return f"none takes {', '.join(sorted(odd))}: cast to float32 before it"
    rank = max((tensor.shape.rank or 0 for tensor in tensors), default=0)
    if rank >= MOST_RANK:
        return f"its tensors have {rank} sides: reshape them to at most 4"
    return None


def _type_name(number: int) -> str:
    """Return the name of a type of TensorFlow's messages; empty for none."""
    return str(tf.as_dtype(number).name) if number else ""


def _unnamed(error: Exception) -> str:
    """Return what is known if no op was named."""
    text = str(error)
    if "exceeds maximum protobuf size" in text:
        return "the model is larger than 2 GiB, which no .tflite file can be"
    if "Control Flow V1" in text:
        return OLD_CONTROL_FLOW
    return (
        f"TensorFlow's converter gave up ({type(error).__name__}) without naming an op: convert "
        "the model without its last layers to find the one it stops at"
    )
