"""``edgecnn.summarize`` and ``edgecnn summary``: totals from three routes agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.models.cost import model_cost
from edgecnn.models.registry import get_spec
from edgecnn.quantize.result import Conversion


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet8", "mlp", "efficientnet_b0"])
def test_totals_are_those_of_the_list_of_models(name: str, run_edgecnn: Any) -> None:
    spec = get_spec(name)
    found = json.loads(run_edgecnn("summary", name, "--json").stdout)
    assert (found["parameters"], found["macs"]) == (spec.parameters, spec.macs)
    assert found["bytes"] == 4 * spec.parameters  # float32


def test_layers_of_a_file_by_arithmetic(small_file: Path) -> None:
    rows = {row.kind: row for row in edgecnn.summarize(small_file).rows}
    assert rows["DepthwiseConv2D"].output_shape == (None, 16, 16, 16)
    assert rows["DepthwiseConv2D"].parameters == 3 * 3 * 16 + 16
    assert rows["DepthwiseConv2D"].macs == 16 * 16 * 3 * 3 * 16
    assert rows["BatchNormalization"].parameters == 4 * 16
    assert rows["Dense"].bytes == 4 * (16 * 5 + 5)


@pytest.mark.parametrize(("scheme", "width"), [("float32", 4), ("float16", 2), ("int8", 1)])
def test_ops_by_arithmetic(scheme: str, width: int, small_results: dict[str, Conversion]) -> None:
    result = small_results[scheme]
    summary = edgecnn.summarize(result.path)
    convolution = next(row for row in summary.rows if row.kind == "CONV_2D")
    assert convolution.output_shape == (1, 16, 16, 16)
    assert convolution.macs == 16 * 16 * 3 * 3 * 3 * 16
    assert convolution.parameters == 3 * 3 * 3 * 16 + 16
    bias = {"float32": 4, "float16": 2, "int8": 4}[scheme]
    assert convolution.bytes == 3 * 3 * 3 * 16 * width + 16 * bias
    # Weights that are widened at load are no work: only an integer result is, once.
    widenings = [row for row in summary.rows if row.kind == "DEQUANTIZE"]
    assert [row.bytes for row in widenings] == ([0] if scheme == "int8" else [])
    assert summary.file_bytes == result.bytes > summary.bytes


def test_all_schemes_of_a_model_multiply_the_same(small_results: dict[str, Conversion]) -> None:
    summaries = [edgecnn.summarize(result.path) for result in small_results.values()]
    assert len({summary.macs for summary in summaries}) == 1


def test_the_table_ends_in_the_totals(small_file: Path, run_edgecnn: Any) -> None:
    result = run_edgecnn("summary", small_file)
    assert result.returncode == 0
    last = result.stdout.rstrip().splitlines()[-1]
    assert last.split()[0] == "total"
    assert last.count("100.0") == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["absent.tflite"], "no such file"),
        (["no_such_model"], "unknown model"),
        (["mobilenet_v2", "--size", "16"], "at least 32x32"),
        (["mobilenet_v2", "--alpha", "0"], "alpha must be above 0"),
        (["cut.tflite"], "truncated or corrupt"),
        (["small.tflite", "--size", "64"], "whose input 'input' is 1x32x32x3"),
        (["small.tflite", "--alpha", "0.5"], "--alpha goes with the name"),
        (["text.h5"], "is no model in a known format"),
        (["empty.keras"], "'empty.keras' is empty"),
        (["."], "not a SavedModel"),
    ],
)
def test_bad_input(
    arguments: list[str],
    says: str,
    run_edgecnn: Any,
    tmp_path: Path,
    small_results: dict[str, Conversion],
) -> None:
    content = small_results["int8"].path.read_bytes()
    (tmp_path / "small.tflite").write_bytes(content)
    (tmp_path / "cut.tflite").write_bytes(content[:2000])
    (tmp_path / "text.h5").write_text("text")
    (tmp_path / "empty.keras").touch()
    result = run_edgecnn("summary", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_model_of_any_size_needs_one(keras: Any, tmp_path: Path, small_file: Path) -> None:
    path = tmp_path / "open.keras"
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(inputs)
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)).save(path)
    with pytest.raises(InputError, match="such as size=224"):
        edgecnn.summarize(path)
    rows = {row.kind: row for row in edgecnn.summarize(path, size=(40, 64)).rows}
    assert rows["Conv2D"].output_shape == (None, 40, 64, 8)
    assert rows["Conv2D"].macs == 40 * 64 * 3 * 3 * 3 * 8
    with pytest.raises(InputError, match=r"does not fit .*small\.keras"):
        edgecnn.summarize(small_file, size=64)


def test_a_shared_layer_multiplies_at_each_call(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "shared.keras"
    image = keras.Input((32, 32, 8))
    shared = keras.layers.Conv2D(8, 3, padding="same", name="shared")
    halved = keras.layers.MaxPooling2D(2)(shared(image))
    answer = keras.layers.GlobalAveragePooling2D()(shared(halved))
    # Called outside of the model too, which is no work of the model's.
    shared(keras.Input((64, 64, 8)))
    model = keras.Model(image, answer)
    model.save(path)
    summary = edgecnn.summarize(path)
    rows = [row for row in summary.rows if row.name == "shared"]
    kernel = 3 * 3 * 8 * 8
    assert [row.output_shape for row in rows] == [(None, 32, 32, 8), (None, 16, 16, 8)]
    assert [row.macs for row in rows] == [32 * 32 * kernel, 16 * 16 * kernel]
    assert [row.parameters for row in rows] == [kernel + 8, 0]
    assert summary.macs == model_cost(model).macs == (32 * 32 + 16 * 16) * kernel
    assert summary.parameters == model.count_params()


def test_a_shared_inner_model_is_shown_at_each_size(keras: Any, tmp_path: Path) -> None:
    inner = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(8, 3, padding="same", name="conv")]
    )
    image = keras.Input((32, 32, 3))
    pooled = keras.layers.GlobalAveragePooling2D()
    half = keras.layers.AveragePooling2D(2)(image)
    model = keras.Model(image, keras.layers.Add()([pooled(inner(image)), pooled(inner(half))]))
    model.save(tmp_path / "inner.keras")
    summary = edgecnn.summarize(tmp_path / "inner.keras")
    rows = [row for row in summary.rows if row.name == "conv"]
    assert sorted(row.macs for row in rows) == [16 * 16 * 3 * 3 * 3 * 8, 32 * 32 * 3 * 3 * 3 * 8]
    assert summary.parameters == model.count_params() == 3 * 3 * 3 * 8 + 8


def test_a_file_multiplies_as_its_keras_model(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "kinds.keras"
    layers = keras.layers
    image = keras.Input((16, 16, 3))
    shared = layers.Conv2D(8, 3, padding="same")
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(image)
    x = layers.SeparableConv2D(8, 3)(shared(shared(x)))
    x = layers.Conv2D(8, 3, strides=2, groups=4)(layers.DepthwiseConv2D(5)(x))
    keras.Model(image, layers.Dense(4)(layers.Flatten()(x))).save(path)
    made = edgecnn.convert(path, quantize="float32", output=tmp_path)[0]
    assert edgecnn.summarize(made.path).macs == edgecnn.summarize(path).macs


def test_a_model_that_was_never_built(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "unbuilt.keras"
    keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Flatten()]).save(path)
    with pytest.raises(InputError, match=r"unbuilt\.keras' was never built: save it after it has"):
        edgecnn.summarize(path)


def test_a_saved_model_has_no_layers(keras: Any, tmp_path: Path, small_file: Path) -> None:
    keras.saving.load_model(small_file).export(tmp_path / "exported", verbose=False)
    with pytest.raises(InputError, match=r"convert it and give the \.tflite file"):
        edgecnn.summarize(tmp_path / "exported")


def test_a_model_that_carries_code_is_not_loaded(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "code.keras"
    inputs = keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs)).save(path)
    with pytest.raises(InputError, match="carries code of its own"):
        edgecnn.summarize(path)
