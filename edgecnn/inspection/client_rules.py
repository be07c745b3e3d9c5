"""What client libraries ask of a ``.tflite`` file, as rules that each have a reason.

Each rule was seen with the client itself, or stands in its source: MediaPipe's are in
``image_tensor_specs.cc`` and ``classification_postprocessing_graph.cc`` of its repository.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgecnn.inspection.file_facts import FileFacts, few_names, shape_text
from edgecnn.inspection.tried_ops import TRIED_OPS
from edgecnn.tflite.output_kinds import SCORE_KINDS, OutputKind, what_it_gives
from edgecnn.tflite.outputs import final_activation, row_length
from edgecnn.tflite.structure import TensorInfo

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

RUNTIMES_OWN_OPS: dict[str, tuple[str, ...]] = {
    "Convolution2DTransposeBias": (*TASKS, LITERT_JS, INTERPRETER, COMPILED_MODEL),
    **dict.fromkeys(
        ("TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify"), CLIENTS
    ),
}
"""Custom op -> the clients that bring it along."""

CUSTOM_OPS_RUN: dict[str, tuple[str, ...]] = {
    "Convolution2DTransposeBias": (LITERT_JS, INTERPRETER, COMPILED_MODEL),
    "TFLite_Detection_PostProcess": (LITERT_JS, INTERPRETER, COMPILED_MODEL, TFLITE_RUNTIME),
}
"""Custom op -> the clients that were run with it, and answered alike."""

LITERT_JS_TYPES = ("float32", "int32", "uint8")
"""Types of numbers that LiteRT.js has tensors of."""

BUFFER_TYPES = ("float32", "float16", "bfloat16", "int32", "int8", "uint8", "bool")
"""Types of numbers that CompiledModel's buffers can be written and read in, in Python."""

IMAGE_TYPES = ("float32", "uint8")
"""Types of numbers that MediaPipe's classifiers take and give."""

NO_CLASSIFIER = "it is no classifier"
"""How the reason begins for which clients that classify take no map, no embedding, and the like."""

EDGE_TPU_ADVICE = "it is compiled for the Edge TPU: use the file before compilation here"


@dataclass(frozen=True)
class Rule:
    """A demand that some clients make of a file, or a kind of file that they were never run on.

    Args:
        clients: The clients that the rule is about.
        broken: Returns why the file is not as the clients ask, or None if it is.
        is_doubt: Whether it is not known what the clients do with a file that breaks the rule.
    """

    clients: tuple[str, ...]
    broken: Callable[[FileFacts], str | None]
    is_doubt: bool = False


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


def _wrong_type(tensors: Sequence[TensorInfo], taken: tuple[str, ...], end: str) -> str | None:
    wrong = next((tensor.dtype for tensor in tensors if tensor.dtype not in taken), None)
    if wrong is None:
        return None
    if wrong in ("int8", "int16") and end == "input":
        return f"its input is {wrong}: convert with --input-type uint8 or float32"
    return f"its {end} is {wrong}, and {', '.join(taken[:-1])} or {taken[-1]} is taken"


def _ends_of_types(taken: tuple[str, ...]) -> Callable[[FileFacts], str | None]:
    def broken(facts: FileFacts) -> str | None:
        inputs = _wrong_type(facts.model.inputs, taken, "input")
        outputs = _wrong_type(facts.model.outputs, taken, "output")
        return "; ".join(why for why in (inputs, outputs) if why) or None

    return broken


def _mixed_outputs(facts: FileFacts) -> str | None:
    kinds = {tensor.dtype == "float32" for tensor in facts.model.outputs}
    return "some of its outputs are float32 and some are not" if len(kinds) > 1 else None


def _normalization(facts: FileFacts) -> str | None:
    if facts.input.dtype != "float32" or _image_shape(facts):
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
    count = row_length(facts.model)
    if facts.kind not in (*SCORE_KINDS, OutputKind.UNKNOWN):
        return f"{NO_CLASSIFIER}: it gives {what_it_gives(facts.outputs)}"
    if count is None:
        return "its first output is no row of class scores"
    if facts.classes is None:
        return f"nothing says that the {count:,} numbers of its output are class scores"
    if facts.labels is None:
        return "it has no labels, so that classes have no names: edgecnn metadata set --labels"
    if facts.labels != count:
        return f"it has {facts.labels} labels for {count} classes: classifying fails"
    return None


def _probabilities(facts: FileFacts) -> str | None:
    if facts.classes is None or final_activation(facts.model) is not None:
        return None
    return "it answers logits, which are shown as scores: convert it with --softmax"


def _open_shape(facts: FileFacts) -> str | None:
    # Files without the field run at the shape that stands beside the open one.
    wrong = next((t for t in facts.model.inputs if t.has_rank and t.open_sides), None)
    if wrong is None:
        return None
    stated = shape_text(wrong.shape_signature or wrong.shape)
    return f"its shape is open ({stated}): convert it with a batch of 1"


def _open_size(facts: FileFacts) -> str | None:
    wrong = next((tensor for tensor in facts.model.inputs if tensor.is_open), None)
    if wrong is None:
        return None
    stated = shape_text(wrong.shape_signature or wrong.shape)
    return f"its size is open ({stated}), and it never ran with such a file but at the size in it"


def _open_image(facts: FileFacts) -> str | None:
    if not facts.input.is_open:
        return None
    stated = shape_text(facts.input.shape_signature or facts.input.shape)
    return f"its size is open ({stated}), on which it dies: convert it with a fixed size"


def _variables(facts: FileFacts) -> str | None:
    if not any(t is not None and t.is_variable for op in facts.model.operators for t in op.inputs):
        return None
    return "it keeps values from call to call (variable tensors), and such files do not load"


def _passed_on(facts: FileFacts) -> str | None:
    inputs = {tensor.index for tensor in facts.model.inputs}
    if not any(tensor.index in inputs for tensor in facts.model.outputs):
        return None
    return "an output of it is one of its inputs, and comes out with other values"


def _no_output_shape(facts: FileFacts) -> str | None:
    if all(tensor.states_shape for tensor in facts.model.outputs):
        return None
    return "it does not state the shape of its output, which must be known before a run"


def _late_output_shape(facts: FileFacts) -> str | None:
    return _no_output_shape(facts) if facts.shape_ops else None


def _unmade(facts: FileFacts) -> str | None:
    return "it reads what no op before makes" if facts.unmade_reads else None


def _edge_tpu(facts: FileFacts) -> str | None:
    return EDGE_TPU_ADVICE if facts.model.is_for_edge_tpu else None


def _foreign_ops(client: str) -> Callable[[FileFacts], str | None]:
    def broken(facts: FileFacts) -> str | None:
        names = [op for op in facts.custom_ops if client not in RUNTIMES_OWN_OPS.get(op, ())]
        flex = [name for name in names if name.startswith("Flex")]
        if flex:
            return f"it has TensorFlow ops ({few_names(flex)}), which need the Flex delegate"
        missing = few_names(names)
        return f"it has custom ops that it does not bring along: {missing}" if names else None

    return broken


def _untried_custom_ops(client: str) -> Callable[[FileFacts], str | None]:
    def broken(facts: FileFacts) -> str | None:
        names = [op for op in facts.custom_ops if client not in CUSTOM_OPS_RUN.get(op, ())]
        return f"it was never run with these custom ops: {few_names(names)}" if names else None

    return broken


def _untried_ops(facts: FileFacts) -> str | None:
    names = [op for op in facts.model.op_counts if op not in {*TRIED_OPS, *facts.custom_ops}]
    return f"it was never run with these ops: {few_names(names)}" if names else None


def _too_new(facts: FileFacts) -> str | None:
    oldest = facts.oldest
    if not oldest.is_newer_than(LAST_TFLITE_RUNTIME):
        return None
    op = f" for {oldest.because}" if oldest.because else ""
    return f"it needs runtime {oldest.version}{op}"


def _unknown_ops(facts: FileFacts) -> str | None:
    custom = {code.name for code in facts.model.operator_codes if code.is_custom}
    names = [name for name in facts.oldest.unknown if name not in custom]
    return f"it is not known when these ops came: {few_names(names)}" if names else None


CLIENT_RULES: tuple[Rule, ...] = (
    Rule(CLIENTS, _edge_tpu),
    Rule(TASKS, _subgraphs),
    Rule(TASKS, _inputs),
    Rule(TASKS, _image_shape),
    Rule(TASKS, _open_image),
    Rule(TASKS, _ends_of_types(IMAGE_TYPES)),
    Rule(TASKS, _mixed_outputs),
    Rule(TASKS, _normalization),
    Rule(TASKS, _color_space),
    Rule(TASKS, _outputs_described),
    Rule(TASKS, _labels),
    Rule(TASKS, _probabilities),
    Rule((LITERT_JS,), _ends_of_types(LITERT_JS_TYPES)),
    Rule((LITERT_JS,), _open_shape),
    Rule((COMPILED_MODEL,), _ends_of_types(BUFFER_TYPES)),
    Rule((LITERT_JS, COMPILED_MODEL), _variables),
    Rule((LITERT_JS, COMPILED_MODEL), _passed_on),
    Rule((LITERT_JS,), _no_output_shape),
    Rule((COMPILED_MODEL,), _late_output_shape),
    Rule(CLIENTS, _unmade),
    *(Rule((client,), _foreign_ops(client)) for client in CLIENTS),
    Rule((TFLITE_RUNTIME,), _too_new),
    *(Rule((client,), _untried_custom_ops(client), is_doubt=True) for client in CLIENTS),
    Rule((LITERT_JS, COMPILED_MODEL, TFLITE_RUNTIME), _untried_ops, is_doubt=True),
    Rule(CLIENTS, _unknown_ops, is_doubt=True),
    Rule((LITERT_JS, COMPILED_MODEL), _open_size, is_doubt=True),
    Rule((COMPILED_MODEL,), _no_output_shape, is_doubt=True),
)
"""All demands of clients and all doubts, in the order in which reasons are shown."""
