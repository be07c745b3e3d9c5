"""The functions of the package: one for each command, found without importing anything heavy."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.cli.main import COMMANDS
from edgecnn.data.digits import read_digits

OTHER_NAMES = {
    "summary": {"summarize"},
    "try": {"classify"},
    "metadata": {"metadata", "set_metadata", "strip_metadata"},
}
"""Commands whose function has another name, or that are several functions."""

VALUES = {"__version__", "BuildOptions"}
"""Names that are no functions."""

OF_THE_TERMINAL = {"demo", "devices", "models"}
"""Commands that work on neither a model nor a measurement."""


def test_each_command_is_a_function() -> None:
    commands = set(COMMANDS) - OF_THE_TERMINAL
    functions = set().union(*(OTHER_NAMES.get(name, {name}) for name in commands))
    assert functions | {"build"} == set(edgecnn.__all__) - VALUES


def test_an_option_that_is_none_is_named_with_those_that_there_are() -> None:
    with pytest.raises(TypeError, match="'calibrat': BuildOptions has weights, alpha, size"):
        edgecnn.convert("mobilenet_v2", calibrat="photos/")
    with pytest.raises(TypeError, match="'modl': Filter has"):
        edgecnn.results(modl="model.tflite")


def test_options_as_a_whole_and_one_by_one_are_the_same() -> None:
    options = edgecnn.BuildOptions(alpha=0.5, size=(96, 96), classes=10)
    assert edgecnn.BuildOptions.of(alpha=0.5, size=96, classes=10) == options
    assert edgecnn.BuildOptions.of(options) == options


@pytest.mark.parametrize("name", sorted(set(edgecnn.__all__) - VALUES))
def test_a_function_is_there_and_the_package_shows_its_use(name: str) -> None:
    function = getattr(edgecnn, name)
    assert inspect.isfunction(function)
    assert function.__name__ == name
    assert re.search(rf"edgecnn\.{name}\(|:func:`{name}`", edgecnn.__doc__ or "")


NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def _write_photos(folder: Path) -> None:
    """Write real images, twelve of each of ten classes, in a folder for each class."""
    images, digits = read_digits("digits")
    for digit, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for number, pixels in enumerate(images[digits == digit][:12]):
            picture = Image.fromarray(np.repeat(pixels, 3, axis=2)).resize((40, 40))
            picture.save(folder / name / f"{number}.jpg")


def test_the_example_of_the_package_runs(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGECNN_STORE", str(tmp_path / "results.db"))
    _write_photos(tmp_path / "photos")
    (tmp_path / "photos/three/0.jpg").rename(tmp_path / "photo.jpg")
    (example,) = re.findall(r"::\n\n((?:    .*\n|\n)+)", edgecnn.__doc__ or "")
    found: dict[str, Any] = {}
    exec(textwrap.dedent(example), found)
    (made,) = found["files"]
    assert made.path.read_bytes() and made.input["mean"] == (0.0,) * 3
    assert found["verdict"] == "identical" and found["biggest"].bytes > 0
    assert found["worst"].share > 0 and found["page"].is_file()
    assert found["changes"] and found["latest"].top1_percent is not None
    assert found["best"].label in NAMES
