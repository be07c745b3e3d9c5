"""A program in Python for a file of any kind, which does with its outputs what they are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.snippets.program_values import common_values, fill_template
from edgecnn.snippets.python import image_functions, pixel_constants, resizing
from edgecnn.snippets.quoting import comment_text, python_literal
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.output_kinds import JudgedOutput, OutputKind, what_it_gives
from edgecnn.tflite.output_outline import input_names
from edgecnn.tflite.structure import TensorInfo

NO_IMAGE = preset("raw", 1, 1)
"""What stands in templates for the input of a file that takes no image."""


@dataclass(frozen=True)
class AnyModel:
    """A file, and what a program needs to run it.

    Args:
        file: The file.
        call: How the file is called.
        spec: How images become the file's only input; None for other inputs.
        outputs: What each output is.
    """

    file: DescribedFile
    call: ModelCall
    spec: InputSpec | None
    outputs: tuple[JudgedOutput, ...]


def any_program(model: AnyModel) -> str:
    """Return a program that runs a file on an image, or on arrays, and shows its answer."""
    tensors = zip(model.outputs, model.call.model.outputs, strict=True)
    lines = [_show(place, judged, tensor) for place, (judged, tensor) in enumerate(tensors)]
    needs_pillow = model.spec is not None or any("Image." in line for line in lines)
    operations = "" if model.spec is None else "from PIL import Image, ImageOps\n"
    return fill_template(
        "python_any",
        model.spec or NO_IMAGE,
        {
            "MODEL": python_literal(str(model.file.path)),
            "GIVES": comment_text(what_it_gives(model.outputs)),
            "PILLOW": " pillow" if needs_pillow else "",
            "ARGUMENT": "photo.jpg" if model.spec is not None else "inputs.npz",
            "IMPORTS": operations or ("from PIL import Image\n" if needs_pillow else ""),
            "FUNCTIONS": _functions(model),
            "RESIZE": resizing(model.call),
            "INPUTS": _inputs(model),
            "OUTPUTS": "\n".join(lines),
        },
    )


def _functions(model: AnyModel) -> str:
    if model.spec is None:
        return ""
    spec, tensor = model.spec, model.call.model.inputs[0]
    values = common_values(spec)
    sizes = f"HEIGHT, WIDTH = {values['HEIGHT']}, {values['WIDTH']}\n"
    if spec.resize == "crop":
        sizes += f"FULL_HEIGHT, FULL_WIDTH = {values['FULL_HEIGHT']}, {values['FULL_WIDTH']}\n"
    return f"{sizes}{pixel_constants(spec, tensor)}\n\n{image_functions(spec, tensor)}\n"


def _inputs(model: AnyModel) -> str:
    if model.spec is not None:
        index = 'interpreter.get_input_details()[0]["index"]'
        return f"interpreter.set_tensor({index}, prepare(sys.argv[1]))"
    inputs = model.call.model.inputs
    names = ", ".join(map(python_literal, input_names(model.call.model)))
    shapes = ", ".join(f"{tensor.dtype} {tensor.shape}" for tensor in inputs)
    return (
        f"arrays = np.load(sys.argv[1])  # an array for each input: {comment_text(shapes)}\n"
        f"for detail, name in zip(interpreter.get_input_details(), [{names}]):\n"
        '    values = arrays[name].astype(detail["dtype"]).reshape(detail["shape"])\n'
        '    interpreter.set_tensor(detail["index"], values)'
    )


def _show(place: int, judged: JudgedOutput, tensor: TensorInfo) -> str:
    """Return the lines that show one output."""
    told = comment_text(f"{judged.name}: {tensor.dtype} {tensor.shape}")
    answer = f"answer = numbers(interpreter.get_output_details()[{place}])  # {told}"
    return "\n".join((answer, *_USES[judged.kind](judged, tensor)))


def _map(judged: JudgedOutput, tensor: TensorInfo) -> tuple[str, ...]:
    classes = "answer.argmax(axis=-1)[0]"
    if len(tensor.shape) == 3 or (tensor.dtype.startswith("int") and tensor.shape[-1] != 1):
        classes = "answer[0]"
    elif tensor.shape[-1] == 1:
        classes = "answer[0, ..., 0] >= 0.5"
    return (
        f"classes = np.uint8({classes})",
        'Image.fromarray(classes).save("classes.png")  # a class for each position',
        'print("positions of each class:", np.bincount(classes.flat).tolist())',
    )


def _image(judged: JudgedOutput, tensor: TensorInfo) -> tuple[str, ...]:
    shown = "answer[0]" if tensor.shape[-1] == 3 else "answer[0, ..., 0]"
    return (
        f"pixels = np.clip(np.round({shown} * 255), 0, 255)  # of values from 0 to 1",
        'Image.fromarray(pixels.astype(np.uint8)).save("answer.png")',
    )


_USES: dict[OutputKind, Callable[[JudgedOutput, TensorInfo], tuple[str, ...]]] = {
    OutputKind.CLASSES: lambda judged, tensor: (
        'print("best class:", answer.argmax(), "score:", answer.max())',
    ),
    OutputKind.LABELS: lambda judged, tensor: (
        'print("labels of 50 % or more:", np.flatnonzero(answer.flat >= np.float32(0.5)))',
    ),
    OutputKind.PROBABILITY: lambda judged, tensor: ('print("probability:", answer.item())',),
    OutputKind.NUMBERS: lambda judged, tensor: ('print("numbers:", answer.flatten())',),
    OutputKind.EMBEDDING: lambda judged, tensor: (
        "embedding = answer.flatten() / np.linalg.norm(answer)",
        'print("embedding (compare two by their dot product):", embedding)',
    ),
    OutputKind.MAP: _map,
    OutputKind.IMAGE: _image,
    OutputKind.DETECTIONS: lambda judged, tensor: (
        "# boxes or scores of candidates: keep the best scores, then leave out boxes that overlap",
        'print("candidates:", answer.shape, answer)',
    ),
    OutputKind.SEQUENCE: lambda judged, tensor: (
        'print("best of each step:", answer[0].argmax(axis=-1))',
    ),
    OutputKind.UNKNOWN: lambda judged, tensor: ('print("values:", answer.shape, answer)',),
}
"""Kind of an output -> the lines of a program that do with it what it is for."""
