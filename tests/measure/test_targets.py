"""What ``MODEL`` names, and converting an architecture on the fly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.core.progress import silent
from edgecnn.data.geometry import GeometryOptions
from edgecnn.measure.targets import ConversionOptions, find_targets
from edgecnn.models.build_options import BuildOptions
from edgecnn.records.record import Record
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.file import TfliteFile
from edgecnn.tflite.reading import read_model

NEEDS_TENSORFLOW = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="converting needs edgecnn[convert]"
)


def test_files_and_names_in_order(tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "model.tflite")
    options = ConversionOptions(quantize=("float32", "int8"))
    targets = find_targets([model, "mobilenet_v2"], options)
    found = [(target.label, target.scheme.name if target.scheme else None) for target in targets]
    assert found == [(str(model), None), ("mobilenet_v2", "float32"), ("mobilenet_v2", "int8")]


def test_a_size_beside_names_is_for_the_names_and_for_files_of_any_size(shared_data: Path) -> None:
    strangers, call = shared_data / "strangers", CallOptions(size=(64, 64))
    names = [strangers / "kws.tflite", strangers / "dilated_conv.tflite", "mobilenet_v2"]
    fixed, opened, _ = find_targets(names, ConversionOptions(), call)
    assert fixed.call_options(TfliteFile(fixed.label)).size is None
    assert opened.call_options(TfliteFile(opened.label)).size == (64, 64)
    (alone,) = find_targets(strangers / "kws.tflite", ConversionOptions(), call)
    assert alone.call_options(TfliteFile(alone.label)).size == (64, 64)


def test_a_folder_of_an_architectures_name_is_not_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mobilenet_v2").mkdir()
    monkeypatch.chdir(tmp_path)
    (target,) = find_targets("mobilenet_v2", ConversionOptions())
    assert target.scheme is not None
    assert target.scheme.name == "int8"


@NEEDS_TENSORFLOW
def test_an_architecture_is_measured_with_the_geometry_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path))
    built = BuildOptions.of(None, size=32, classes=2)
    for asked, stated in ((None, "stretch"), ("pad", "pad")):
        options = ConversionOptions("float32", build=built, geometry=GeometryOptions(asked))
        (target,) = find_targets("mlp", options)
        model = read_model(target.file(silent))
        assert model.edgecnn is not None
        assert model.edgecnn["input"]["resize"] == stated


@pytest.mark.parametrize("model", ["no/such", "missing.tflite", "./mobilenet_v2", "."])
def test_what_looks_like_a_path_is_one(model: str) -> None:
    with pytest.raises(InputError, match=r"does not exist|is a folder"):
        find_targets(model, ConversionOptions())


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="mobilenet_v2"):
        find_targets("mobilnet_v2", ConversionOptions())


@NEEDS_TENSORFLOW
def test_an_architecture_is_converted_once_for_each_way_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path))
    phases: list[str] = []

    def bench(classes: int) -> Record:
        phases.clear()
        (record,) = edgecnn.bench(
            "mobilenet_v2",
            quantize="float32",
            alpha=0.35,
            size=32,
            classes=classes,
            runs=20,
            min_time_s=0,
            on_progress=lambda phase, done, total: phases.append(phase),
        )
        return record

    first = bench(classes=3)
    assert any(phase.startswith("converting 'mobilenet_v2'") for phase in phases)
    assert (first.model, first.scheme, first.input_shape) == (
        "mobilenet_v2",
        "float32",
        (1, 32, 32, 3),
    )
    assert "random-weights" in {warning.code for warning in first.warnings}
    again = bench(classes=3)
    assert not any(phase.startswith("converting") for phase in phases)
    assert again.model_sha256 == first.model_sha256
    assert bench(classes=4).model_sha256 != first.model_sha256
    assert len(list((tmp_path / "models").iterdir())) == 2
