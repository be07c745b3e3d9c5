"""Converters that are programs of others, in environments of their own (in a child).

They pin other versions of what edgecnn needs, or bring gigabytes along. Such a program makes a
float ``.tflite`` file in a temporary folder, and the model goes on as any file of that format.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgecnn.core.child import describe_exit
from edgecnn.core.errors import MESSAGE_CHARACTERS, ConversionError, EdgecnnError
from edgecnn.core.files import quoted
from edgecnn.core.programs import run_talking_program
from edgecnn.importing.input_format import LoadedModel, LoadOptions, NamedModel, Source
from edgecnn.importing.sources import format_of

CONVERTER_SILENCE_S = 900.0
"""Seconds without a word after which a converter hangs: one step of a large model takes minutes."""

TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""What colours a terminal."""

STATED = re.compile(r"^(?:error|onnx2tf: error):\s*(\S.*)$", re.IGNORECASE)
"""A line in which a program states what is wrong."""

RAISED = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?([A-Z]\w*(?:Error|Exception|Exit|Interrupt)): (\S.*)$")
"""The last line of a Python traceback."""


def run_converter(
    program: str,
    command: Sequence[str],
    label: str,
    folder: Path,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a converter to its end, and return the last of what it wrote.

    Args:
        program: What messages call it: ``"onnx2tf"``.
        command: Its path, and arguments.
        label: The model's name for messages.
        folder: The folder that it works in.
        variables: Environment variables for it beside those of this process.

    Raises:
        ConversionError: It failed, and what it said of the reason; or it hung, and was ended.
    """
    # Programs of the same environment that it starts are found beside it, as pipx and uv put it
    # alone on the PATH.
    path = os.pathsep.join([str(Path(command[0]).resolve().parent), os.environ.get("PATH", "")])
    try:
        done = run_talking_program(
            command,
            silence_s=CONVERTER_SILENCE_S,
            environment={**os.environ, "PATH": path, **(variables or {})},
            folder=folder,
        )
    except subprocess.TimeoutExpired:
        minutes = CONVERTER_SILENCE_S / 60
        raise ConversionError(
            f"{program} said nothing for {minutes:.0f} minutes over {label}, and was ended"
        ) from None
    if done.returncode:
        raise _failure(program, done, label)
    return done.stdout


def _failure(program: str, done: subprocess.CompletedProcess[str], label: str) -> ConversionError:
    reason = stated_reason(done.stdout)
    status = done.returncode
    # As shells do, a status above 128 tells of the signal that ended a program.
    how = describe_exit(128 - status if status > 128 else status)
    said = f": {reason}" if reason and status < 128 else f", which {how}"
    error = ConversionError(f"{program} cannot convert {label}{said}")
    error.add_debug(TERMINAL_CODES.sub("", done.stdout))
    return error


def stated_reason(output: str) -> str:
    """Return what a program says of why it failed, in one line; empty where it says nothing.

    A line that begins with "error:" counts more than the end of a traceback, of which programs
    print some that they get over.

    Example:
        >>> stated_reason("loading\\nERROR: no such op\\n")
        'no such op'
    """
    lines = [TERMINAL_CODES.sub("", line).strip() for line in re.split(r"[\r\n]+", output)]
    stated = [match[1] for line in lines if (match := STATED.match(line))]
    raised = [f"{match[1]}: {match[2]}" for line in lines if (match := RAISED.match(line))]
    return (stated or raised or [""])[-1][:MESSAGE_CHARACTERS]


def load_converted(
    file: Path, source: Source, options: LoadOptions, *, has_open_shapes: bool = False
) -> LoadedModel:
    """Load the float ``.tflite`` file that a converter made of a source.

    Args:
        file: The file, in a temporary folder that is not needed after this.
        source: The source that it was made of.
        options: How the source is loaded.
        has_open_shapes: Whether the file leaves shapes open that the user may have said.

    Raises:
        InputError: The file cannot be used; the message names the source.
    """
    made = Source("tflite", str(file), signature=source.signature)
    size = None
    if has_open_shapes:
        made, size = replace(made, input_shapes=source.input_shapes), options.size
    tflite_format = format_of(made)
    try:
        tflite_format.check(NamedModel(str(file)), trust=False)
        return tflite_format.load(made, LoadOptions(size, options.build))
    except EdgecnnError as error:
        # A user has never seen the file, which is gone when the line is read.
        raise type(error)(str(error).replace(quoted(file), quoted(source.name))) from error
