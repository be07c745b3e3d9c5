"""What each output of a model is judged to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.tflite.output_kinds import (
    OutputKind,
    judge_outputs,
    outputs_of_file,
    parse_tasks,
)
from edgecnn.tflite.output_outline import (
    UNIT_LENGTH,
    ModelOutline,
    OutlinePart,
    OutputOutline,
)
from edgecnn.tflite.reading import read_model

IMAGE = (1, 96, 96, 3)

STRANGERS = {
    "deeplab_dm05_quant": ["map"],
    "dilated_conv": ["unknown"],
    "face_edgetpu": ["detections", "detections"],
    "face_short": ["detections", "detections"],
    "face_sparse": ["detections", "detections"],
    "fizz_edgetpu": ["unknown"],
    "hello_int8": ["numbers"],
    "iris": ["classes"],
    "keras_lstm_mnist_ptq": ["classes"],
    "kws": ["classes"],
    "lrt_blockwise_quantized": ["unknown"],
    "lrt_gather_string": ["unknown"],
    "lrt_reverse_signature_model": ["unknown", "unknown"],
    "lrt_simple_add_dynamic_shape": ["unknown"],
    "micro_speech": ["classes"],
    "mnist_lstm": ["classes"],
    "permute_u8": ["unknown"],
    "q_toy_model_with_kv_cache_multi_signature": ["unknown", "unknown", "unknown"],
    "resnet8_float": ["classes"],
    "resnet8_int8io": ["classes"],
    "selfie": ["map"],
    "style_transfer": ["unknown"],
    "swap3": ["numbers", "numbers", "numbers"],
    "toycar_int8": ["unknown"],
    "two_sig": ["unknown", "numbers", "unknown"],
    "vww_int8": ["classes"],
}
"""File -> the kind of each of its outputs: what its README says of it, or that it is not known."""


@pytest.mark.parametrize(("name", "kinds"), STRANGERS.items())
def test_other_peoples_files(name: str, kinds: list[str], shared_data: Path) -> None:
    model = read_model(shared_data / "strangers" / f"{name}.tflite")
    assert [output.kind.value for output in outputs_of_file(model)] == kinds


def _one(shape: tuple[int, ...], ending: str | None = "ADD", **more: object) -> ModelOutline:
    output = OutputOutline("answer", (1, *shape), "float32", ending, **more)  # type: ignore[arg-type]
    return ModelOutline((IMAGE,), (output,))


@pytest.mark.parametrize(
    ("outline", "kind"),
    [
        (_one((10,), "SOFTMAX"), OutputKind.CLASSES),
        (_one((1, 1, 10), "SOFTMAX"), OutputKind.CLASSES),
        (_one((5,), "LOGISTIC"), OutputKind.LABELS),
        (_one((1,), "LOGISTIC"), OutputKind.PROBABILITY),
        (_one((1,)), OutputKind.NUMBERS),
        (_one((128,), UNIT_LENGTH), OutputKind.EMBEDDING),
        (_one((10,)), OutputKind.UNKNOWN),
        (_one((96, 96, 21), "SOFTMAX"), OutputKind.MAP),
        (_one((96, 96, 1), "LOGISTIC"), OutputKind.MAP),
        (_one((96, 96, 3), "LOGISTIC"), OutputKind.IMAGE),
        (_one((96, 96, 3), "TANH"), OutputKind.IMAGE),
        (_one((96, 96, 3)), OutputKind.UNKNOWN),
        (_one((96, 96, 21), "CONV_2D", is_resized=True), OutputKind.MAP),
        (_one((16, 12), "SOFTMAX"), OutputKind.SEQUENCE),
    ],
)
def test_kinds_of_single_outputs(outline: ModelOutline, kind: OutputKind) -> None:
    assert judge_outputs(outline)[0].kind is kind


def test_boxes_and_scores_joined_in_one_output_are_detections() -> None:
    parts = (OutlinePart((1, 4, 8400), "MUL"), OutlinePart((1, 80, 8400), "LOGISTIC"))
    outline = _one((84, 8400), "CONCATENATION", parts=parts)
    assert judge_outputs(outline)[0].kind is OutputKind.DETECTIONS


def test_known_classes_make_logits_classes() -> None:
    assert judge_outputs(_one((10,)), classes=10)[0].kind is OutputKind.CLASSES
    assert judge_outputs(_one((10,)), classes=9)[0].kind is OutputKind.UNKNOWN


def test_what_a_user_says_comes_first() -> None:
    (output,) = judge_outputs(_one((10,), "SOFTMAX"), parse_tasks(["answer=numbers"]))
    assert (output.kind, output.because) == (OutputKind.NUMBERS, "--task says so")


@pytest.mark.parametrize(
    ("tasks", "outputs", "message"),
    [
        (["colours"], 1, "unknown task 'colours': choose classes"),
        (["map", "map"], 1, "--task is given twice"),
        (["masks=map"], 1, "names the output 'masks', and the model's are 0"),
        (["numbers"], 2, "has 2 outputs: say --task NAME=KIND for each"),
    ],
)
def test_tasks_that_fit_no_output(tasks: list[str], outputs: int, message: str) -> None:
    ends = [OutputOutline(str(place), (1, 2), "float32") for place in range(outputs)]
    with pytest.raises(InputError, match=message):
        judge_outputs(ModelOutline((IMAGE,), tuple(ends)), parse_tasks(tasks))
