"""A program in Python: numpy, Pillow and ai-edge-litert, nothing else."""

from __future__ import annotations

from edgecnn.classification.classifier import Classifier
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.sampling import SAMPLING
from edgecnn.snippets.program_values import common_values, fill_template
from edgecnn.snippets.quoting import comment_text, python_literal
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.structure import TensorInfo

FEW_LABELS = 20
"""Most labels that stand in the program; more are read from the file, where they are packed."""


def python_program(classifier: Classifier) -> str:
    """Return a program that prints the five best classes of an image."""
    spec, labels = classifier.spec, _labels(classifier)
    is_packed = "zipfile" in labels
    probabilities = classifier.gives_probabilities
    return fill_template(
        "python",
        spec,
        {
            **common_values(spec),
            "MODEL": python_literal(str(classifier.path)),
            "IMPORTS": "import zipfile\n" if is_packed else "",
            "LABELS": labels,
            "CONSTANTS": pixel_constants(spec, classifier.input),
            "PREPARE": image_functions(spec, classifier.input),
            "RESIZE": resizing(classifier.call),
            "SCORES": _scores(classifier),
            "FORMAT": "{scores[index]:8.2%}" if probabilities else "{scores[index]:8.3f}",
        },
    )


def image_functions(spec: InputSpec, tensor: TensorInfo) -> str:
    """Return the functions of a program that make of an image what a model takes.

    Args:
        spec: How images become the model's input.
        tensor: The model's input.
    """
    grid = SAMPLING.get(spec.interpolation)
    values = {
        **common_values(spec),
        "DTYPE": tensor.dtype,
        "SHAPE": comment_text(str(tensor.shape)),
        "MODE": "L" if spec.channels == 1 else "RGB",
        "CENTRE": "" if grid is None else f"{grid.centre:g}",
        "STEPS": "" if grid is None else str(1 << grid.bits),
        "RESAMPLING": spec.interpolation.upper(),
        "TENSOR": _tensor(spec, tensor),
    }
    return fill_template("python_image", spec, values).rstrip("\n")


def _labels(classifier: Classifier) -> str:
    labels = classifier.labels
    if len(labels) != classifier.classes:
        return f'[f"class {{index}}" for index in range({classifier.classes})]'
    metadata = classifier.file.metadata
    if len(labels) <= FEW_LABELS or metadata is None:
        return f"[{', '.join(map(python_literal, labels))}]"
    name = python_literal(metadata.outputs[0].label_files[0])
    return (
        f"[\n    line.rstrip()\n    for line in zipfile.ZipFile(MODEL).read({name})"
        '.decode("utf-8-sig").rstrip().split("\\n")\n]'
    )


def pixel_constants(spec: InputSpec, tensor: TensorInfo) -> str:
    """Return the line of a program with the normalisation; empty for an input that takes pixels."""
    if tensor.dtype == "uint8":
        return ""
    mean, std = (", ".join(map(repr, values)) for values in (spec.mean, spec.std))
    return f"MEAN, STD = np.float32([{mean}]), np.float32([{std}])  # of pixels from 0 to 255\n"


def resizing(call: ModelCall) -> str:
    """Return the lines of a program that inputs of open shapes need."""
    if not call.has_chosen_shapes:
        return ""
    return "".join(
        f'interpreter.resize_tensor_input(interpreter.get_input_details()[{place}]["index"], '
        f"{tensor.shape})\n"
        for place, tensor in enumerate(call.model.inputs)
    )


def _tensor(spec: InputSpec, tensor: TensorInfo) -> str:
    if tensor.dtype == "uint8":
        return "    return pixels[None]  # its scale and zero point are the normalisation"
    pixels = "pixels[..., ::-1]" if spec.color_order == "BGR" else "pixels"
    normal = f"(({pixels}.astype(np.float32) - MEAN) / STD)[None]"
    if tensor.dtype == "float32":
        return f"    return {normal}"
    scale, zero_point = float(tensor.scale[0]), tensor.zero_point[0]
    return (
        f"    levels = np.round({normal} / np.float32({scale!r})) + {zero_point}\n"
        "    return np.clip(levels, -128, 127).astype(np.int8)"
    )


def _scores(classifier: Classifier) -> str:
    if classifier.output.dtype == "float32":
        return "output"
    scale, zero_point = classifier.output_scale
    return f"(output.astype(np.float64) - {zero_point}) * {float(scale)!r}"
