"""What is known of a small target, and what its own tool says of a file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.json_writing import json_values
from edgecnn.tflite.reading import TfliteModel


@dataclass(frozen=True)
class TargetProof:
    """Whether a small target takes a file, and how that is known.

    Args:
        target: Name of the target, as ``--target`` takes it.
        takes: Whether the target takes the file; None where its own tool was not asked.
        tool: The tool that was asked, with its version; None where none was.
        summary: What was found, in one line.
        notes: What a user should know besides, one line each.
        figures: What the tool measured or estimated, by names that end in the unit.
    """

    target: str
    takes: bool | None
    tool: str | None
    summary: str
    notes: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values: dict[str, Any] = json_values(asdict(self))
        return values


@dataclass(frozen=True)
class SmallTarget:
    """A microcontroller's runtime, or an accelerator that computes in integers alone.

    Args:
        name: Name of the target, as ``--target`` takes it.
        title: What people call the target.
        input_types: Element types that the input of a file for it may have, the default first.
        output_types: Element types that the output of a file for it may have, the default first.
        ops: Kinds of ops that the target takes.
        has_host: Whether a CPU beside the target runs the ops that it does not take.
        next_step: What is to be done with the file, in a phrase.
        ask_tool: Asks the target's own tool about the file at a path; None where that tool comes
            from no package registry.
        most_values: Kind of op -> most values of its input.
        wants_fixed_batch: Whether the target refuses a batch that the file leaves open; others take
            it for 1.
    """

    name: str
    title: str
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]
    ops: Collection[str]
    has_host: bool
    next_step: str
    ask_tool: Callable[[Path, TfliteModel], TargetProof] | None
    most_values: tuple[tuple[str, int], ...] = ()
    wants_fixed_batch: bool = False

    def check_ends(self, input_type: str | None, output_type: str | None) -> None:
        """Raise InputError if a file for the target cannot have ends of the types asked for."""
        for option, given, taken in (
            ("--input-type", input_type, self.input_types),
            ("--output-type", output_type, self.output_types),
        ):
            if given is not None and given not in taken:
                raise InputError(
                    f"{self.title} takes integers alone, so --target {self.name} contradicts "
                    f"{option} {given}: choose {' or '.join(taken)}, or leave it out"
                )
