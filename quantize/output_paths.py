"""Where each scheme's file goes, and with which types of input and output."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import check_target, exists, quoted
from edgecnn.small_targets.target import SmallTarget
from edgecnn.tflite.numbers import INT8
from edgecnn.tflite.schemes import Scheme

END_TYPES = ("uint8", "int8", "float32")
"""Element types that inputs and outputs of files can have."""


@dataclass(frozen=True)
class OutputPlan:
    """One file to make: its scheme, the dtypes of its input and output, and its path."""

    scheme: Scheme
    input_type: str
    output_type: str
    target: Path


@dataclass(frozen=True)
class EndTypes:
    """The types that a user asks for at the ends of files.

    Args:
        input: Element type of the inputs; None for each scheme's default.
        output: Element type of the outputs; None for each scheme's default.
        all_int8: Whether no op of an int8 file may compute in float32: its ends are int8 then,
            where nothing else is asked for.
    """

    input: str | None = None
    output: str | None = None
    all_int8: bool = False

    def check(self, schemes: Sequence[Scheme]) -> None:
        """Raise InputError if none of some schemes has ends of the types asked for."""
        inputs = {dtype for scheme in schemes for dtype in scheme.input_types}
        outputs = {dtype for scheme in schemes for dtype in scheme.output_types}
        for what, given, possible in (
            ("input", self.input, inputs),
            ("output", self.output, outputs),
        ):
            if given is None or given in possible:
                continue
            if given not in END_TYPES:
                types = ", ".join(END_TYPES)
                raise InputError(f"{what} type {given!r} is not possible: choose one of {types}")
            names = ", ".join(scheme.name for scheme in schemes)
            raise InputError(f"{names} has float32 {what} only: leave --{what}-type out")

    def of_input(self, scheme: Scheme) -> str:
        """Return the element type of the input of a scheme's file."""
        return self._chosen(self.input, scheme.input_types)

    def of_output(self, scheme: Scheme) -> str:
        """Return the element type of the output of a scheme's file."""
        return self._chosen(self.output, scheme.output_types)

    def _chosen(self, asked: str | None, possible: Sequence[str]) -> str:
        if asked is not None and asked in possible:
            return asked
        return INT8.name if self.all_int8 and INT8.name in possible else possible[0]


def ends_for(
    target: SmallTarget | None,
    schemes: Sequence[Scheme],
    input_type: str | None,
    output_type: str | None,
    *,
    all_int8: bool,
) -> EndTypes:
    """Return the types of ends that a user asks for, or that a target wants.

    Args:
        target: The microcontroller or accelerator that the files are for; None for none.
        schemes: The schemes of the files.
        input_type: What the user asked for; None for nothing.
        output_type: As ``input_type``.
        all_int8: Whether the user wants no op in float32; a target always does.

    Raises:
        InputError: The target does not take what the user asked for.
    """
    if target is None:
        return EndTypes(input_type, output_type, all_int8)
    others = [scheme.name for scheme in schemes if not scheme.keeps_float]
    if others:
        raise InputError(
            f"--target {target.name} takes int8 alone: leave --quantize {','.join(others)} out"
        )
    target.check_ends(input_type, output_type)
    ends = (input_type or target.input_types[0], output_type or target.output_types[0])
    return EndTypes(*ends, all_int8=True)


def plan_outputs(
    stem: str,
    schemes: Sequence[Scheme],
    ends: EndTypes,
    output: str | Path | None,
    inputs: Sequence[str | Path] = (),
) -> list[OutputPlan]:
    """Give each scheme its path and the types of its file's ends.

    Args:
        stem: What the files are named after: ``"mobilenet_v2"`` gives ``mobilenet_v2_int8.tflite``.
        schemes: The schemes, in the order of the files.
        ends: The types asked for.
        output: A file or an existing folder, None for the current folder.
        inputs: What is read, which must not be overwritten.

    Raises:
        InputError: A file cannot be written there, one file is given for several schemes, or none
            of the schemes has ends of the types asked for.

    Example:
        >>> plan_outputs("net", parse_schemes("int8"), EndTypes(), None)[0].target
        PosixPath('net_int8.tflite')
    """
    ends.check(schemes)
    targets = _targets(stem, schemes, output)
    for target in targets:
        check_target(target, inputs)
    return [
        OutputPlan(scheme, ends.of_input(scheme), ends.of_output(scheme), target)
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
