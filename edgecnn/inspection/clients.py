"""Which client libraries take a ``.tflite`` file as it is, as rules that each have a reason.

Each rule was seen with the client itself, or stands in its source: MediaPipe's are in
``image_tensor_specs.cc`` and ``classification_postprocessing_graph.cc`` of its repository.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from edgecnn.core.text import quoted_if_needed
from edgecnn.inspection.runtimes import OldestRuntime, oldest_runtime
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.tflite.outputs import class_count, final_activation
from edgecnn.tflite.reading import TensorInfo, TfliteModel

MEDIAPIPE = "MediaPipe Tasks ImageClassifier"
TASKS_VISION = "@mediapipe/tasks-vision"
LITERT_JS = "LiteRT.js"
INTERPRETER = "ai-edge-litert Interpreter"
COMPILED_MODEL = "ai-edge-litert CompiledModel"
TFLITE_RUNTIME = "tflite-runtime 2.14"

CLIENTS = (MEDIAPIPE, TASKS_VISION, LITERT_JS, INTERPRETER, COMPILED_MODEL, TFLITE_RUNTIME)
"""Every client that is known, in the order in which they are shown."""

TASKS = (MEDIAPIPE, TASKS_VISION)
"""Clients of MediaPipe: the wrapper for the web has the same rules as the library."""

LAST_TFLITE_RUNTIME = "2.14"
"""Last version of the package tflite-runtime."""

RUNTIMES_OWN_OPS = frozenset(
    {"TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify"}
)
"""Custom ops that the runtimes bring along."""


@dataclass(frozen=True)
class ClientVerdict:
    """Whether one client takes a file as it is, and answers as the model means.

    Args:
        client: Name of the client, one of ``CLIENTS``.
        ok: Whether the file is drop-in for the client.
        reasons: Why the file is not drop-in, each with the remedy where there is one; empty if
            ``ok``.
    """

    client: str
    ok: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class FileFacts:
    """Facts of a file for the rules: structure, public metadata, and the number of labels."""

    model: TfliteModel
    metadata: ModelMetadata | None
    labels: int | None

    @cached_property
    def oldest(self) -> OldestRuntime:
        """The oldest runtime that takes the file."""
        return oldest_runtime(self.model)

    @property
    def input(self) -> TensorInfo:
        """The first input."""
        return self.model.inputs[0]

    @property
    def input_metadata(self) -> TensorMetadata:
        """Metadata of the first input, empty where there is none."""
        inputs = self.metadata.inputs if self.metadata else ()
        return inputs[0] if inputs else TensorMetadata()

    @property
    def foreign_ops(self) -> list[str]:
        """Custom ops that no runtime brings along."""
        names = [code.name for code in self.model.operator_codes if code.is_custom]
        return [name for name in names if name not in RUNTIMES_OWN_OPS]


@dataclass(frozen=True)
class Rule:
    """A demand that some clients make of a file.

    Args:
        clients: The clients that ask it.
        broken: Returns why the file is not as the clients ask, or None if it is.
    """

    clients: tuple[str, ...]
    broken: Callable[[FileFacts], str | None]


def clients_for(
    model: TfliteModel,
    metadata: ModelMetadata | None = None,
    labels: Sequence[str] | None = None,
) -> tuple[ClientVerdict, ...]:
    """Say for each client whether it takes a file as it is, and why not.

    Args:
        model: The file's structure.
        metadata: The file's public metadata; None if it has none.
        labels: The labels packed for the first output; None if there are none.

    Returns:
        One verdict for each of ``CLIENTS``, in that order.

    Example:
        >>> [v.client for v in clients_for(read_model(path)) if not v.ok]
        ['MediaPipe Tasks ImageClassifier', '@mediapipe/tasks-vision']
    """
    facts = FileFacts(model, metadata, None if labels is None else len(labels))
    if not model.inputs or not model.outputs:
        ends = ("it has no input or no output",)
        return tuple(ClientVerdict(client, False, ends) for client in CLIENTS)
    broken = [(rule, rule.broken(facts)) for rule in CLIENT_RULES]
    return tuple(
        ClientVerdict(client, not reasons, reasons)
        for client in CLIENTS
        for reasons in [tuple(why for rule, why in broken if why and client in rule.clients)]
    )


def drop_in_warnings(verdicts: Sequence[ClientVerdict]) -> tuple[str, ...]:
    """Say why a file is not drop-in: one line a reason, with the clients that it shuts out.

    Example:
        >>> drop_in_warnings(clients_for(read_model("logits.tflite"), metadata, labels))
        ('not drop-in for MediaPipe Tasks ImageClassifier and ...: it answers logits, ...',)
    """
    by_reason: dict[str, list[str]] = {}
    for verdict in verdicts:
        for reason in verdict.reasons:
            by_reason.setdefault(reason, []).append(verdict.client)
    return tuple(
        f"not drop-in for {' and '.join(clients)}: {reason}"
        for reason, clients in by_reason.items()
    )


def _subgraphs(facts: FileFacts) -> str | None:
    count = facts.model.subgraphs
    return None if count == 1 else f"it has {count} subgraphs, and exactly one is taken"


def _inputs(facts: FileFacts) -> str | None:
    count = len(facts.model.inputs)
    return None if count == 1 else f"it has {count} inputs, and exactly one image is taken"


def _image_shape(facts: FileFacts) -> str | None:
    shape = facts.input.shape
    if len(shape) == 4 and shape[0] == 1 and shape[3] in (3, 4):
        return None
    return f"its input is {shape_text(shape)}, and 1 x height x width x 3 is taken"


def _input_type(facts: FileFacts) -> str | None:
    dtype = facts.input.dtype
    if dtype in ("uint8", "float32"):
        return None
    return f"its input is {dtype}: convert with --input-type uint8 or float32"


def _output_type(facts: FileFacts) -> str | None:
    wrong = [t.dtype for t in facts.model.outputs if t.dtype not in ("uint8", "float32")]
    return f"its output is {wrong[0]}, and uint8 or float32 is taken" if wrong else None


def _mixed_outputs(facts: FileFacts) -> str | None:
    kinds = {tensor.dtype == "float32" for tensor in facts.model.outputs}
    return "some of its outputs are float32 and some are not" if len(kinds) > 1 else None


def _normalization(facts: FileFacts) -> str | None:
    if facts.input.dtype != "float32":
        return None
    mean, std = facts.input_metadata.mean, facts.input_metadata.std
    if not mean or not std:
        return "its metadata lack the normalisation of the float input: edgecnn metadata set"
    if len(mean) != len(std) or len(mean) not in (1, 3):
        return f"its metadata have {len(mean)} means and {len(std)} deviations, not 1 or 3"
    if len(set(mean)) > 1 or len(set(std)) > 1:
        return "its float input wants another normalisation for each channel: convert it again"
    return None


def _color_space(facts: FileFacts) -> str | None:
    space = facts.input_metadata.color_space
    return None if space in (None, "RGB") else f"its metadata say {space}, and RGB is taken"


def _outputs_described(facts: FileFacts) -> str | None:
    described = len(facts.metadata.outputs) if facts.metadata else 0
    outputs = len(facts.model.outputs)
    if described in (0, outputs):
        return None
    return f"its metadata describe {described} outputs, and it has {outputs}"


def _labels(facts: FileFacts) -> str | None:
    expected = class_count(facts.model)
    if expected is None:
        return "its first output is no row of class scores"
    if facts.labels is None:
        return "it has no labels, so that classes have no names: edgecnn metadata set --labels"
    if facts.labels != expected:
        return f"it has {facts.labels} labels for {expected} classes: classifying fails"
    return None


def _probabilities(facts: FileFacts) -> str | None:
    if class_count(facts.model) is None or final_activation(facts.model) is not None:
        return None
    return "it answers logits, which are shown as scores: convert it with softmax"


def _open_shape(facts: FileFacts) -> str | None:
    ends = (*facts.model.inputs, *facts.model.outputs)
    wrong = next((t.shape_signature for t in ends if min(t.shape_signature, default=0) < 0), None)
    if wrong is None:
        return None
    return f"its shape is open ({shape_text(wrong)}): convert it with a batch of 1"


def _foreign_ops(facts: FileFacts) -> str | None:
    names = facts.foreign_ops
    flex = [name for name in names if name.startswith("Flex")]
    if flex:
        return f"it has TensorFlow ops ({few_names(flex)}), which need the Flex delegate"
    return f"it has custom ops that it does not bring along: {few_names(names)}" if names else None


def _too_new(facts: FileFacts) -> str | None:
    oldest = facts.oldest
    if oldest.is_newer_than(LAST_TFLITE_RUNTIME):
        op = f" for {oldest.because}" if oldest.because else ""
        return f"it needs runtime {oldest.version}{op}"
    newer = [name for name in oldest.unknown if name not in {*facts.foreign_ops, *RUNTIMES_OWN_OPS}]
    return f"it is not known when these ops came: {few_names(newer)}" if newer else None


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as text; an open side is a question mark."""
    return " x ".join("?" if side < 0 else str(side) for side in shape) or "a single number"


def few_names(names: Sequence[str]) -> str:
    """Return names from a file as text: at most three, without control characters."""
    shown = [quoted_if_needed(name) for name in names[:3]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(name[:60] for name in shown) + more


CLIENT_RULES: tuple[Rule, ...] = (
    Rule(TASKS, _subgraphs),
    Rule(TASKS, _inputs),
    Rule(TASKS, _image_shape),
    Rule((*TASKS, LITERT_JS), _input_type),
    Rule((*TASKS, LITERT_JS), _output_type),
    Rule(TASKS, _mixed_outputs),
    Rule(TASKS, _normalization),
    Rule(TASKS, _color_space),
    Rule(TASKS, _outputs_described),
    Rule(TASKS, _labels),
    Rule(TASKS, _probabilities),
    Rule((LITERT_JS,), _open_shape),
    Rule(CLIENTS, _foreign_ops),
    Rule((TFLITE_RUNTIME,), _too_new),
)
"""All demands of clients, in the order in which reasons are shown."""
