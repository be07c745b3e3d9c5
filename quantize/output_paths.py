"""Where each scheme's file goes, and with which input type."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import check_target, exists, quoted
from edgecnn.tflite.schemes import Scheme

INPUT_TYPES = ("uint8", "float32")


@dataclass(frozen=True)
class OutputPlan:
    """One file to make: its scheme, the dtype of its input, and its path."""

    scheme: Scheme
    input_type: str
    target: Path


def plan_outputs(
    stem: str,
    schemes: Sequence[Scheme],
    input_type: str | None,
    output: str | Path | None,
    inputs: Sequence[str | Path] = (),
) -> list[OutputPlan]:
    """Give each scheme its path and input type.

    Args:
        stem: What the files are named after: ``"mobilenet_v2"`` gives ``mobilenet_v2_int8.tflite``.
        schemes: The schemes, in the order of the files.
        input_type: ``"uint8"``, ``"float32"`` or None for each scheme's default.
        output: A file or an existing folder, None for the current folder.
        inputs: What is read, which must not be overwritten.

    Raises:
        InputError: A file cannot be written there, one file is given for several schemes, or none
            of the schemes takes the input type.

    Example:
        >>> plan_outputs("net", parse_schemes("int8"), None, None)[0].target
        PosixPath('net_int8.tflite')
    """
    _check_input_type(schemes, input_type)
    targets = _targets(stem, schemes, output)
    for target in targets:
        check_target(target, inputs)
    return [
        OutputPlan(scheme, _input_type(scheme, input_type), target)
        for scheme, target in zip(schemes, targets, strict=True)
    ]


def _targets(stem: str, schemes: Sequence[Scheme], output: str | Path | None) -> list[Path]:
    if output is not None and not str(output):
        raise InputError("the output's name is empty: give a file or an existing folder as -o")
    folder = Path() if output is None else Path(output)
    ends_like_folder = output is not None and str(output).endswith(("/", os.sep))
    if ends_like_folder or (exists(folder) and folder.is_dir()):
        return [folder / f"{stem}_{scheme.name}.tflite" for scheme in schemes]
    if len(schemes) > 1:
        raise InputError(
            f"{quoted(folder)} is no folder, and {len(schemes)} files are to be made: "
            "give an existing folder as -o"
        )
    return [folder]


def _check_input_type(schemes: Sequence[Scheme], input_type: str | None) -> None:
    if input_type is None:
        return
    if input_type not in INPUT_TYPES:
        raise InputError(
            f"input type {input_type!r} is not possible: choose uint8 or float32 "
            "(apps and web runtimes refuse int8 inputs)"
        )
    if not any(input_type in scheme.input_types for scheme in schemes):
        names = ", ".join(scheme.name for scheme in schemes)
        raise InputError(f"{names} takes float32 input only: leave --input-type out")


def _input_type(scheme: Scheme, input_type: str | None) -> str:
    return input_type if input_type in scheme.input_types else scheme.input_types[0]
