"""A ``.pt2`` file of torch.export, which litert-torch makes a float ``.tflite`` file of."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgecnn.core.errors import ConversionError, InputError
from edgecnn.core.files import quoted
from edgecnn.core.temporary import temporary_folder
from edgecnn.importing.exported_program_scan import refuse_code
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    NamedModel,
    Source,
)
from edgecnn.importing.outside_converter import load_converted, run_converter

TORCH_PROGRAM = "litert-torch"

PYTHON_VARIABLE = "EDGECNN_LITERT_TORCH_PYTHON"
"""Environment variable with the Python that has litert-torch, where no program leads to it."""

TORCH_SCRIPT = Path(__file__).parents[1] / "litert_torch_script.py"
"""What that Python runs; litert-torch has no command that converts a file."""

SCRIPT_ANSWER = "edgecnn: "
"""How the line begins in which the script says what it has done."""

TORCH_INSTALL = f"pipx install {TORCH_PROGRAM} (or: uv tool install {TORCH_PROGRAM})"

ZIP_MAGIC = b"PK\x03\x04"


class _ExportedProgramFormat(InputFormat):
    """A model as PyTorch exports it."""

    called = ".pt2"
    needs_tensorflow = False

    def recognizes(self, model: NamedModel) -> bool:
        return model.head[:4] == ZIP_MAGIC and model.path.suffix == ".pt2"

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse what is broken or would run code, and say how to get the converter."""
        refuse_code(model.path, trust=trust)
        if converter_python() is None:
            raise InputError(
                f"{quoted(model.path)} needs {TORCH_PROGRAM}, in an environment of its own, "
                f"several gigabytes with PyTorch: {TORCH_INSTALL}, then give the command again; "
                f"{PYTHON_VARIABLE} names the Python of another environment that has it"
            )

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        label = quoted(source.name)
        with temporary_folder() as folder:
            file = folder / "model.tflite"
            done = _converted(source, options, file, label)
            loaded = load_converted(file, source, options)
        shapes = [tensor.shape[1:] for tensor in loaded.inputs]
        wanted = [_shape_in_file(each)[1:] for each in done["inputs"]]
        if shapes != wanted:
            raise ConversionError(
                f"{TORCH_PROGRAM} made inputs of {shapes} of {label}, for {wanted}"
            )
        names = [each["name"] for each in done["inputs"]]
        return replace(
            loaded,
            inputs=tuple(replace(t, name=n) for t, n in zip(loaded.inputs, names, strict=True)),
            outputs=tuple(
                replace(tensor, name=name)
                for tensor, name in zip(loaded.outputs, done["outputs"], strict=True)
            ),
            has_signatures=False,
            notes=(*(_note(each) for each in done["inputs"] if each["is_turned"]), *loaded.notes),
        )


def converter_python() -> str | None:
    """Return the Python that has litert-torch."""
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        return shutil.which(named)
    program = shutil.which(TORCH_PROGRAM)
    return program and shutil.which("python", path=str(Path(program).resolve().parent))


def _converted(source: Source, options: LoadOptions, file: Path, label: str) -> dict[str, Any]:
    """Make the float file, and return what the script says of inputs and outputs."""
    python = converter_python()
    assert python is not None, "the parent has looked"
    choices = json.dumps({"size": options.size, "shapes": source.input_shapes})
    path = str(Path(source.name).resolve())
    command = [python, "-I", str(TORCH_SCRIPT), path, str(file), choices]
    # Without a GPU the conversion is the same, and PyTorch looks for none.
    variables = {"CUDA_VISIBLE_DEVICES": ""}
    if not source.trust:
        variables["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    output = run_converter(TORCH_PROGRAM, command, label, file.parent, variables)
    answers = [line for line in output.splitlines() if line.startswith(SCRIPT_ANSWER)]
    if not answers or not file.is_file():
        raise ConversionError(f"{TORCH_PROGRAM} made no file of {label}")
    answer: dict[str, Any] = json.loads(answers[-1].removeprefix(SCRIPT_ANSWER))
    return answer


def _shape_in_file(described: dict[str, Any]) -> tuple[int, ...]:
    shape = tuple(described["shape"])
    return (shape[0], *shape[2:], shape[1]) if described["is_turned"] else shape


def _note(described: dict[str, Any]) -> str:
    sides = "x".join(map(str, described["shape"]))
    return f"{quoted(described['name'])} is {sides}, channels first: its files take channels last"


input_format = _ExportedProgramFormat()
