"""An ``.onnx`` file, which the program onnx2tf makes a float ``.tflite`` file of."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from edgecnn.core.errors import ConversionError, InputError
from edgecnn.core.files import check_input, quoted, sha256_of
from edgecnn.core.temporary import temporary_folder
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    ModelTensor,
    NamedModel,
    Source,
)
from edgecnn.importing.model_inputs import StatedShape, known_inputs
from edgecnn.importing.onnx_outline import MAX_ONNX_BYTES, OnnxInput, OnnxOutline, read_outline
from edgecnn.importing.outside_converter import load_converted, run_converter
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.file import TfliteFile

ONNX_PROGRAM = "onnx2tf"

ONNX_INSTALL = f"pipx install {ONNX_PROGRAM} (or: uv tool install {ONNX_PROGRAM})"
"""The command that installs the program in an environment of its own."""

MADE_OP = "ONNX_"
"""What version 2 of the program calls an op that it cannot convert, and the op's name."""

MISSING_OP = re.compile(r"No module named 'onnx2tf\.ops\.(\w+)'|(\w+) OP is not yet implemented")
"""What releases of version 1 of the program say of an op that they cannot convert."""

TEST_IMAGES = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""The file of images with which version 1 of the program compares each op with ONNX Runtime. Where
it is not in the folder, it is fetched from the network."""

TEST_IMAGES_SHAPE = (20, 128, 128, 3)

HEAD_FIELDS = b"\x12\x1a\x3a\x42"
"""What follows the version at the start of a model: producer, its version, the graph, op sets."""


class _OnnxFormat(InputFormat):
    """A model as most frameworks export it."""

    called = ".onnx"
    needs_tensorflow = False

    def recognizes(self, model: NamedModel) -> bool:
        head = model.head
        looks_alike = len(head) > 2 and head[0] == 8 and head[1] < 64 and head[2] in HEAD_FIELDS
        return bool(head) and (model.path.suffix == ".onnx" or looks_alike)

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse what cannot be read or converted, and weights that lie in another place."""
        outline = read_outline(model.path)
        label = quoted(model.path)
        _weight_files(model.path, outline)
        strange = next((each.name for each in outline.inputs if each.name.startswith("-")), None)
        if strange is not None:  # the program would take it for an option
            raise InputError(
                f"{label} calls an input {quoted(strange)}: export it with another name"
            )
        if outline.foreign_ops:
            raise InputError(
                f"{label} has ops that are no part of ONNX, which no converter knows: "
                f"{', '.join(outline.foreign_ops[:10])}: export it without them"
            )
        if shutil.which(ONNX_PROGRAM) is None:
            raise InputError(
                f"{label} needs the program {ONNX_PROGRAM}, in an environment of its own: "
                f"{ONNX_INSTALL}, then give the command again"
            )

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        path, label = Path(source.name), quoted(source.name)
        outline = read_outline(path)
        inputs = [_Input(each, outline.has_channels_last(each.name)) for each in outline.inputs]
        known = known_inputs(
            [(each.name, each.shape, each.stated.dtype) for each in inputs],
            source.call(options.size),
            label,
        )
        with temporary_folder() as folder:
            copy = _copied(path, outline, folder / "model")
            file = _converted(copy, _choices(inputs, known), label)
            _refuse_left_ops(file, outline, label)
            loaded = load_converted(file, source, options)
        _check_inputs(loaded, known, label)
        return replace(loaded, notes=(*(each.note for each in inputs if each.note), *loaded.notes))

    def identity(self, name: str, options: BuildOptions) -> dict[str, Any]:
        path = Path(name)
        weights = _weight_files(path, read_outline(path))
        return {
            "sha256": sha256_of(path),
            **({"weights": list(map(sha256_of, weights))} if weights else {}),
        }


class _Input:
    """An input of a model, in the file that becomes of it.

    Args:
        stated: The input as the model states it.
        has_channels_last: What the ops that read it say; None where they say nothing.
    """

    def __init__(self, stated: OnnxInput, has_channels_last: bool | None) -> None:
        self.stated, self.name = stated, stated.name
        has_four_sides = len(stated.shape) == 4
        self.is_turned = has_four_sides and has_channels_last is False

    @property
    def shape(self) -> StatedShape:
        """The shape with channels last, where ops need them first."""
        return self._last(self.stated.shape) if self.is_turned else self.stated.shape

    @property
    def note(self) -> str | None:
        """What a user should know of how the input was read."""
        if not self.is_turned:
            return None
        sides = "x".join("?" if side is None else str(side) for side in self.stated.shape)
        return f"{quoted(self.name)} is {sides}, channels first: its files take channels last"

    def in_the_model(self, shape: Sequence[int]) -> Sequence[int]:
        """Return a shape in the order of the model's sides."""
        return (shape[0], shape[3], *shape[1:3]) if self.is_turned else shape

    @staticmethod
    def _last(shape: StatedShape) -> StatedShape:
        return (shape[0], *shape[2:], shape[1])


def _weight_files(path: Path, outline: OnnxOutline) -> list[Path]:
    """Return the files that hold a model's weights, all of which lie beside it or below.

    Raises:
        InputError: One of them lies elsewhere, is no file, or is missing; or they are too large.
    """
    folder, label = path.parent, quoted(path)
    found = []
    for name in outline.external:
        file = folder / name
        parts = (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)
        is_elsewhere = PureWindowsPath(name).anchor or name.startswith("/") or ".." in parts
        if is_elsewhere or "\0" in name or not file.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"{label} has weights in {quoted(name)}, outside of its folder: export it again "
                "with all its files in one folder"
            )
        check_input(file)
        found.append(file)
    if sum(file.stat().st_size for file in found) > MAX_ONNX_BYTES:
        raise InputError(f"{label} has more than 2 GiB of weights, which no .tflite file can hold")
    return found


def _copied(path: Path, outline: OnnxOutline, folder: Path) -> Path:
    """Copy a model and its weights into a folder: the program writes into the files it is given."""
    folder.mkdir()
    for name, file in zip(outline.external, _weight_files(path, outline), strict=True):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return Path(shutil.copyfile(path, folder / "model.onnx"))


def _choices(inputs: Iterable[_Input], known: Iterable[ModelTensor]) -> list[str]:
    """Return the options that give open sides a size, and keep the order of others' sides."""
    shapes, kept = [], []
    for each, tensor in zip(inputs, known, strict=True):
        if None in each.stated.shape:
            sides = ",".join(map(str, each.in_the_model(tensor.shape)))
            shapes.append(f"{each.name}:{sides}")
        if not each.is_turned and len(each.stated.shape) > 2:
            kept.append(each.name)
    return [
        *(["--overwrite_input_shape", *shapes] if shapes else []),
        *(["--keep_shape_absolutely_input_names", *kept] if kept else []),
    ]


def _converted(model: Path, choices: Sequence[str], label: str) -> Path:
    """Return the float32 file that the program makes of a model."""
    program = shutil.which(ONNX_PROGRAM)
    assert program is not None, "the parent has looked"
    folder, made = model.parent, model.parent / "made"
    images = np.random.default_rng(0).random(TEST_IMAGES_SHAPE, dtype=np.float32)
    np.save(folder / TEST_IMAGES, images)
    command = [program, "-i", str(model), "-o", str(made), *choices]
    try:
        run_converter(ONNX_PROGRAM, command, label, folder)
    except ConversionError as error:
        missing = MISSING_OP.search(str(error))
        if missing is None:
            raise
        raise _unknown_ops([missing[1] or missing[2]], label) from error
    file = made / "model_float32.tflite"
    if not file.is_file():
        raise ConversionError(f"{ONNX_PROGRAM} made no float32 file of {label}")
    return file


def _refuse_left_ops(file: Path, outline: OnnxOutline, label: str) -> None:
    """Raise InputError with the ops that the program could not convert, and left as they are."""
    codes = TfliteFile(file).model.operator_codes
    left = {code.name.removeprefix(MADE_OP) for code in codes if code.is_custom}
    if left:
        names = {op.upper(): op for op in outline.ops}
        raise _unknown_ops(sorted(names.get(op, op) for op in left), label)


def _unknown_ops(ops: Sequence[str], label: str) -> InputError:
    return InputError(f"{ONNX_PROGRAM} cannot convert ops of {label}: {', '.join(ops)}")


def _check_inputs(loaded: LoadedModel, known: Sequence[ModelTensor], label: str) -> None:
    """Raise ConversionError if inputs came out in another order of sides than was asked for."""
    made = sorted(tensor.shape[1:] for tensor in loaded.inputs)
    wanted = sorted(tensor.shape[1:] for tensor in known)
    if made != wanted:
        raise ConversionError(
            f"{ONNX_PROGRAM} made inputs of {made} of {label}, without the batch, where {wanted} "
            "were asked for"
        )


input_format = _OnnxFormat()
