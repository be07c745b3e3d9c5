"""What the conversion child tells of a model, and a file that it made, until it is written."""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

from edgecnn.core.child import Message
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.loading import LoadedModel
from edgecnn.inspection.runtimes import declaration
from edgecnn.metadata.schema import METADATA_BUFFER
from edgecnn.quantize.recovery.recover import Recovered
from edgecnn.tflite.reading import METADATA_NAME, parse_model
from edgecnn.tflite.writing import with_buffers

tf = LazyModule("tensorflow", extra="convert")


class Front(NamedTuple):
    """How a file takes pixels.

    Args:
        in_graph: It normalises them itself, as one mean and one deviation cannot.
        is_merged: Its first convolution does so, which changes the map's margin by less than int8.
    """

    in_graph: bool
    is_merged: bool

    @classmethod
    def of(cls, output: Message) -> Front:
        """Return that of a file to be made."""
        return cls(output["normalize_in_graph"], output["merge_normalization"])


@dataclass(frozen=True)
class Made:
    """A file, and what was found out about it.

    Args:
        content: Its bytes.
        fidelity: As :class:`edgecnn.quantize.result.Conversion` has it.
        budget: The same.
    """

    content: bytes
    fidelity: Message | None = None
    budget: Message | None = None


def describe(model: LoadedModel) -> Message:
    """Return what the parent is told of a loaded model."""
    return {
        "event": "loaded",
        "input_shape": model.input_shape,
        "output_shape": model.output_shape,
        "preprocessing_layer": model.preprocessing_layer,
        "preprocessing_factor": model.preprocessing_factor,
        "ends_in_softmax": model.ends_in_softmax,
        "notes": model.notes,
        "versions": {"tensorflow": tf.__version__, "keras": version("keras")},
    }


def finished(content: bytes, output: dict[str, Any]) -> bytes:
    """Return a file as it is written; one that is finished already stays as it is."""
    buffers = {
        METADATA_NAME: output["metadata"].encode(),
        METADATA_BUFFER: base64.b64decode(output["public_metadata"]),
        **declaration(parse_model(content, "the converted file")),
    }
    return with_buffers(content, buffers)


def fidelity_of(level: str, found: Recovered) -> Message:
    """Return what recovery came to, as the parent is told."""
    is_plain = found.is_plain and level != "off"
    proof = {"before": found.before.to_dict(), "after": found.after.to_dict()}
    return {
        "recovery": "none" if is_plain else level,
        **proof,
        "layers_corrected": found.layers,
        "layers_left": list(found.left),
        "layers_in_float": list(found.in_float),
        "float_front": dataclasses.asdict(found.float_front) if found.float_front else None,
    }
