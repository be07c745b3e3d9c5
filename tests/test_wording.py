"""Messages in the language of whoever called: options for commands, keywords for Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.cli.main import run
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.wording import OF_DEVICES, VALUE_WORDS, in_python, options_spoken, spoken
from edgecnn.data.geometry import CUSTOMS, INTERPOLATIONS
from edgecnn.data.inputspec import PREPROCESSING
from edgecnn.quantize.convert import convert
from edgecnn.quantize.output_paths import END_TYPES
from edgecnn.quantize.recovery.advice import RECOVERY_LEVELS
from edgecnn.small_targets.targets import SMALL_TARGETS
from edgecnn.tflite.schemes import SCHEMES

FUNCTIONS = sorted(set(edgecnn.__all__) - {"__version__", "BuildOptions"})


@pytest.mark.parametrize(
    ("text", "in_words_of_python"),
    [
        ("leave --preprocess, --mean and --std out", "leave preprocess, mean and std out"),
        ("say --preprocess tf|raw (tf: ...)", 'say preprocess="tf"|"raw" (tf: ...)'),
        ("with --input-type uint8 or float32", 'with input_type="uint8" or "float32"'),
        ("add --trust if you know", "add trust=True if you know"),
        ("give --custom-objects FILE.py", "give custom_objects=FILE.py"),
        ("--calibrate FOLDER with a few", "calibrate=FOLDER with a few"),
        ("--resize says otherwise", "resize says otherwise"),
        ("--crop-fraction goes with --resize crop", 'crop_fraction goes with resize="crop"'),
        ("unknown --resize 'x': choose", "unknown resize='x': choose"),
        ("such as --size 224.", "such as size=224."),
        ("say --label-offset -1", "say label_offset=-1"),
        ("several: --threads 1,2", "several: threads=(1, 2)"),
        ("leave --logits out", "leave softmax=False out"),
        ("leave --sigmoid out", 'leave activation="sigmoid" out'),
        ("say what it gets, by --input-shape a", "say what it gets, by input_shapes a"),
        ("must be positive: --min-time", "must be positive: min_time_s"),
        ("give an existing folder as -o", "give an existing folder as output"),
        ("edgecnn metadata set --labels FILE puts", "edgecnn metadata set --labels FILE puts"),
        ("as 'bench --json' writes it", "as 'bench --json' writes it"),
        ("say --alpha 0.25 --classes 7", "say alpha=0.25, classes=7"),
        ("name another with --python", "name another with --python"),
        ("'--trust.keras' is a file", "'--trust.keras' is a file"),
    ],
)  # fmt: skip
def test_options_become_keywords(text: str, in_words_of_python: str) -> None:
    parameters = {
        **inspect.signature(edgecnn.bench).parameters,
        **inspect.signature(edgecnn.convert).parameters,
    }
    assert in_python(text, parameters) == in_words_of_python


def test_the_words_are_those_that_options_take() -> None:
    names = (
        *PREPROCESSING,
        *CUSTOMS,
        *INTERPOLATIONS,
        *RECOVERY_LEVELS,
        *SCHEMES,
        *END_TYPES,
        *SMALL_TARGETS,
    )
    assert set(names) <= set(VALUE_WORDS)


def test_options_of_devices_are_no_keywords() -> None:
    keywords = {
        k for name in FUNCTIONS for k in inspect.signature(getattr(edgecnn, name)).parameters
    }
    assert keywords.isdisjoint(OF_DEVICES)


def _file(folder: Path) -> Path:
    path = folder / "file.tflite"
    path.write_bytes(b"no model")
    return path


WRONG: dict[str, Callable[[Path], Any]] = {
    "bench": lambda folder: edgecnn.bench("mobilenet_v2", threads=(0,)),
    "build": lambda folder: edgecnn.build("mobilenet_v2", weights="imagenet", alpha=0.3),
    "convert": lambda folder: edgecnn.convert("mobilenet_v2", max_drop=1, all_int8=True),
    "sensitivity": lambda folder: edgecnn.sensitivity("mobilenet_v2", images=0),
    "set_metadata": lambda folder: edgecnn.set_metadata(_file(folder)),
    "profile": lambda folder: edgecnn.profile(_file(folder), threads=0),
    "summarize": lambda folder: edgecnn.summarize(_file(folder), alpha=0.5),
    "report": lambda folder: edgecnn.report(output=folder / "report.html", limit=0),
}
"""A call of each function that can go wrong by an option whose name the message has."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_speaks_python(name: str) -> None:
    function = getattr(edgecnn, name)
    assert inspect.unwrap(function) is not function
    assert inspect.signature(function) == inspect.signature(inspect.unwrap(function))


@pytest.mark.parametrize("name", sorted(WRONG))
def test_errors_of_functions_name_keywords(name: str, tmp_path: Path) -> None:
    with pytest.raises(EdgecnnError) as caught, options_spoken():
        WRONG[name](tmp_path)
    assert "--" in str(caught.value)
    with pytest.raises(EdgecnnError) as caught:
        WRONG[name](tmp_path)
    assert "--" not in str(caught.value)


def test_errors_of_commands_name_options(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["convert", "mobilenet_v2", "--max-drop", "1", "--all-int8"]) == 2
    line = capsys.readouterr().err
    assert "--max-drop leaves layers in float32, --all-int8 none" in line
    with pytest.raises(InputError, match=r"^max_drop leaves layers in float32, all_int8=True none"):
        edgecnn.convert("mobilenet_v2", max_drop=1, all_int8=True)


def test_without_a_caller_a_message_is_as_it_was_written() -> None:
    assert spoken("add --trust") == "add --trust"
    with pytest.raises(InputError, match="--max-drop"):
        convert("mobilenet_v2", max_drop=1, all_int8=True)
