"""Keras files that name classes and functions of somebody's own, and where these come from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.cli.main import run
from edgecnn.core.errors import InputError
from edgecnn.importing.custom_objects import MODULE
from edgecnn.importing.input_format import LoadOptions
from edgecnn.importing.load_failures import cause_of
from edgecnn.importing.sources import find_source, format_of
from edgecnn.tflite.reading import read_model
from tests.colour_models import write_colour_model

CODE = """
import keras
from keras import ops
from keras.layers import Dense
from beside import FACTOR


class Scale(keras.layers.Layer):
    def call(self, x):
        return x * FACTOR


@keras.saving.register_keras_serializable("mine")
class Shift(keras.layers.Layer):
    def call(self, x):
        return x + 1.0


def squared(x):
    return ops.square(x)
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of custom objects that imports another beside it."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "beside.py").write_text("FACTOR = 3.0\n")
    path = folder / "layers.py"
    path.write_text(CODE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield path
    for name in (MODULE, "beside"):
        sys.modules.pop(name, None)


def _own_objects(keras: Any) -> dict[str, Any]:
    class Scale(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 3.0

    class Shift(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x + 1.0

    def squared(x: Any) -> Any:
        return keras.ops.square(x)

    keras.saving.register_keras_serializable("mine")(Shift)
    return {"Scale": Scale, "Shift": Shift, "squared": squared}


@pytest.fixture(scope="module")
def objects(keras: Any) -> dict[str, Any]:
    return _own_objects(keras)


@pytest.fixture(params=[".keras", ".h5"])
def path(request: pytest.FixtureRequest, keras: Any, objects: Any, tmp_path: Path) -> Path:
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            objects["Scale"](name="scale"),
            objects["Shift"](name="shift"),
            keras.layers.Conv2D(4, 3, activation=objects["squared"]),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    file = tmp_path / f"own{request.param}"
    model.save(file)
    return file


def loaded(path: Path, *, trust: bool = True, custom_objects: Path | None = None) -> Any:
    source = find_source(str(path), trust=trust).with_choices(None, custom_objects, None)
    return format_of(source).keras_model(source, LoadOptions(None, {}))[0]


def test_a_file_gives_what_a_model_names(path: Path, code: Path, keras: Any, objects: Any) -> None:
    image = np.ones((1, 12, 12, 3), np.float32)
    with keras.saving.custom_object_scope(objects):
        own = keras.models.load_model(path, compile=False)
    assert np.allclose(loaded(path, custom_objects=code)(image), own(image))


def test_what_is_missing_is_named_with_the_option_that_gives_it(path: Path) -> None:
    with pytest.raises(InputError) as caught:
        loaded(path)
    says = str(caught.value)
    assert "the class 'Scale' is not in the file, which only names it: --custom-objects" in says
    assert "--trust" in says and "config" not in says


def test_without_trust_nothing_is_executed(
    path: Path, code: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code.write_text(f"open({str(tmp_path / 'was here')!r}, 'w')")
    assert run(["convert", str(path), "--custom-objects", str(code)]) == 2
    says = capsys.readouterr().err
    assert "--trust" in says and "--custom-objects" in says
    assert not (tmp_path / "was here").exists()


def test_a_command_converts_with_custom_objects(
    keras: Any, objects: Any, code: Path, tmp_path: Path
) -> None:
    images = keras.Input((12, 12, 3))
    keras.Model(images, objects["Scale"]()(images)).save(tmp_path / "own.keras")
    command = ["convert", str(tmp_path / "own.keras"), "--quantize", "float32", "--trust"]
    target = tmp_path / "own.tflite"
    assert run([*command, "--custom-objects", str(code), "-o", str(target)]) == 0
    assert read_model(target).op_counts == {"MUL": 1}


def test_a_summary_lists_layers_of_ones_own(
    path: Path, code: Path, objects: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["summary", str(path), "--trust", "--custom-objects", str(code), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["rows"]
    assert [row["kind"] for row in listed[:2]] == ["Scale", "Shift"]
    here = edgecnn.summarize(path, custom_objects=objects)
    assert [row.name for row in here.rows] == [row["name"] for row in listed]


def test_a_summary_of_a_tflite_file_takes_no_objects(code: Path, tmp_path: Path) -> None:
    file = write_colour_model(tmp_path / "colours.tflite")
    with pytest.raises(InputError, match="custom_objects goes with a Keras file"):
        edgecnn.summarize(file, custom_objects=code, trust=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_be_executed_says_why(
    text: str, reason: str, path: Path, code: Path
) -> None:
    code.write_text(text)
    with pytest.raises(InputError, match=rf"layers\.py' cannot be executed: {reason}"):
        loaded(path, custom_objects=code)


@pytest.mark.parametrize("way", ["missing", "folder", "architecture"])
def test_a_file_that_does_not_fit_is_refused(way: str, path: Path, tmp_path: Path) -> None:
    custom = {"missing": tmp_path / "no.py", "folder": tmp_path, "architecture": path}[way]
    source = "mobilenet_v2" if way == "architecture" else path
    with pytest.raises(InputError, match=r"custom_objects.* goes with a|cannot read"):
        edgecnn.convert(source, trust=True, custom_objects=custom, quantize="float32")


def test_objects_of_the_caller_need_no_trust(
    path: Path, objects: Any, keras: Any, tmp_path: Path
) -> None:
    keras.saving.register_keras_serializable("mine")(objects["Shift"])
    (made,) = edgecnn.convert(
        path, custom_objects=objects, quantize="float32", output=tmp_path / "own.tflite"
    )
    assert made.source == str(path)
    with pytest.raises(
        InputError, match=r"carries code of its own \(custom class '(Scale|mine>Shift)'"
    ):
        edgecnn.convert(path, custom_objects={"squared": objects["squared"]}, quantize="float32")


def test_a_model_in_memory_takes_no_objects(keras: Any) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    with pytest.raises(InputError, match="custom_objects is for files"):
        edgecnn.convert(model, custom_objects={"a": int})


def _compiled(keras: Any) -> Any:
    """A model with a compiled one inside, each with a loss, a metric and a rate of its own."""

    def own_loss(truth: Any, answer: Any) -> Any:
        return keras.ops.mean(truth - answer)

    class OwnMetric(keras.metrics.MeanSquaredError):  # type: ignore[misc]
        pass

    class OwnOptimizer(keras.optimizers.SGD):  # type: ignore[misc]
        pass

    def compiled(model: Any) -> Any:
        model.compile(OwnOptimizer(), loss=own_loss, metrics=[OwnMetric(name="own")])
        return model

    inner = compiled(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()]))
    outer = compiled(keras.Sequential([keras.Input((8, 8, 3)), inner, keras.layers.Dense(2)]))
    outer.fit(np.zeros((4, 8, 8, 3)), np.zeros((4, 2)), verbose=0)
    return outer


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_how_a_model_was_compiled_is_no_reason_to_refuse_it(
    ending: str, keras: Any, tmp_path: Path
) -> None:
    model, path = _compiled(keras), tmp_path / f"own{ending}"
    model.save(path)
    read = loaded(path, trust=False)
    assert all(
        np.array_equal(a, b) for a, b in zip(read.get_weights(), model.get_weights(), strict=True)
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "<class 'keras.src.models.functional.Functional'> could not be deserialized properly. "
            "Please ensure ...\n\nconfig={'a': {}}.\n\nException encountered: <class "
            "'keras.src.layers.core.dense.Dense'> could not be deserialized properly.\n\n"
            "config={}.\n\nException encountered: Unrecognized keyword arguments passed to Dense: "
            "{'quant': 1}",
            "Dense: Unrecognized keyword arguments passed to Dense: {'quant': 1}",
        ),
        ("Unknown layer: 'Swish'. Please ensure", "the class 'Swish' is not in the file"),
        ("Unknown activation function: 'f'. Please", "the function 'f' is not in the file"),
        ("Could not locate function 'f'. Make sure", "the function 'f' is not in the file"),
        (
            "Could not deserialize class 'A' because its parent module my.layers cannot be "
            "imported. Full object config: {'module': 'my.layers'}",
            "the class 'A' is not in the file",
        ),
        ("a" * 1500 + " b", "a" * 1500 + " b"),
        ("", "ValueError"),
    ],
)
def test_the_cause_of_a_failure_is_found(text: str, cause: str) -> None:
    assert cause_of(ValueError(text)).startswith(cause)
