"""``edgecnn.inspect`` on the makers' files and on small ones whose content follows by hand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.inspection.inspect import GOLDEN_FILE, Inspection
from edgecnn.model_metadata.writing import with_packed_files
from edgecnn.tflite.reading import METADATA_NAME
from edgecnn.tflite.writing import with_metadata_buffers

from .graphs import edited

PTQ = "tf2_mobilenet_v2_1.0_224_ptq.tflite"
FLOAT = "mobilenet_v1_0.25_224_float_metadata.tflite"
IMAGENET_CLASSES = 1001


@pytest.fixture(scope="module")
def ptq(shared_data: Path) -> Inspection:
    return edgecnn.inspect(shared_data / "peers" / PTQ)


def test_costs_are_the_published_ones(ptq: Inspection) -> None:
    # MobileNet v2 is published with 3.50 M parameters, 34,112 of them in batch normalisations that
    # fold into as many biases as channels, 17,056; and with 300.8 M multiply-adds. This has a
    # class more: 1,280 weights and a bias.
    assert ptq.costs.parameters == 3_504_872 - 34_112 + 17_056 + 1_281
    assert ptq.costs.macs == 300_774_272 + 1_280
    assert ptq.costs.widened_bytes == 0
    # int8 weights, int32 biases: four bytes for one of each channel and class.
    biases = 17_056 + IMAGENET_CLASSES
    weights = ptq.costs.parameters - biases
    assert 0 <= ptq.costs.weight_bytes - (weights + 4 * biases) < 64  # and axes, shapes


def test_ops_are_those_that_the_runtime_sees(ptq: Inspection, shared_data: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(shared_data / "peers" / PTQ),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    seen = Counter(detail["op_name"] for detail in interpreter._get_ops_details())
    assert {kind: sum(found.values()) for kind, found in ptq.operators.items()} == seen
    assert ptq.operators["QUANTIZE"] == {"uint8 to int8": 1, "int8 to uint8": 1}
    assert ptq.operators["CONV_2D"] == {"int8": seen["CONV_2D"]}


def test_ends_metadata_and_clients_of_a_makers_file(ptq: Inspection) -> None:
    (image,), (scores,) = ptq.inputs, ptq.outputs
    assert (image.dtype, image.shape, image.bytes) == ("uint8", (1, 224, 224, 3), 224 * 224 * 3)
    assert image.normalization is not None
    assert (image.normalization.mean, image.normalization.std) == ((127.5,), (127.5,))
    assert (scores.dtype, scores.scale, scores.zero_point) == ("uint8", (1 / 256,), (0,))
    assert (ptq.classes, ptq.activation) == (IMAGENET_CLASSES, "softmax")
    assert ptq.labels is not None and len(ptq.labels) == IMAGENET_CLASSES
    assert ptq.labels[:2] == ("background", "tench, Tinca tinca")
    assert ptq.oldest_runtime.version == "1.14.0"
    assert ptq.is_drop_in
    assert [oddity.kind for oddity in ptq.oddities] == ["tied_scores"]


def test_json_is_whole_and_its_keys_are_stable(ptq: Inspection) -> None:
    values = json.loads(json.dumps(ptq.to_dict(), allow_nan=False))
    assert set(values) == {
        "path", "bytes", "scheme", "description", "inputs", "outputs", "classes", "activation",
        "operators", "costs", "subgraphs", "signatures", "metadata", "labels", "packed_files",
        "metadata_buffers", "made_by", "golden", "oldest_runtime", "clients", "oddities",
        "is_drop_in", "target",
    }  # fmt: skip
    assert values["bytes"] == ptq.path.stat().st_size
    assert values["metadata"]["inputs"][0]["color_space"] == "RGB"
    assert len(values["labels"]) == IMAGENET_CLASSES
    assert values["clients"][0] == {
        "client": "MediaPipe Tasks ImageClassifier",
        "ok": True,
        "reasons": [],
    }


def test_every_file_of_the_makers(shared_data: Path) -> None:
    files = sorted((shared_data / "peers").rglob("*.tflite"))
    found = {file.name: edgecnn.inspect(file) for file in files}
    assert len(found) == 7
    drop_in = {name for name, each in found.items() if each.is_drop_in}
    with_labels = {name for name, each in found.items() if each.labels}
    assert drop_in == with_labels == {
        PTQ,
        FLOAT,
        "mobilenet_v1_0.25_224_quant_metadata.tflite",
        "mobilenet_v2_1.0_224_quant.tflite",
    }  # fmt: skip
    plain = found["mobilenet_v1_0.25_224_float.tflite"]
    assert plain.inputs[0].normalization is None
    assert [oddity.kind for oddity in plain.oddities] == ["normalization_unknown"]


def own_metadata(mean: float, std: float) -> dict[str, Any]:
    spec = {"height": 4, "width": 4, "mean": [mean] * 3, "std": [std] * 3}
    return {"edgecnn": "0", "input": spec, "source": "colours"}


def test_sources_of_normalization(colour_model: Any, tmp_path: Path) -> None:
    own = edgecnn.inspect(colour_model(tmp_path / "own.tflite", metadata=own_metadata(2.0, 3.0)))
    found = own.inputs[0].normalization
    assert found is not None and own.made_by is not None
    assert (found.mean, found.std, found.source) == ((2.0,) * 3, (3.0,) * 3, "edgecnn's metadata")
    assert own.made_by["source"] == "colours"
    # A scale of 1 and a zero point of 0: a uint8 pixel is its own value. int8 values from -128 to
    # 127 may be pixels less 128, or anything else.
    found = edgecnn.inspect(colour_model(tmp_path / "uint8.tflite", dtype="uint8")).inputs[0]
    assert found.normalization is not None
    assert (found.normalization.mean, found.normalization.std) == ((0.0,), (1.0,))
    assert found.normalization.source == "the input's quantisation"
    int8 = edgecnn.inspect(colour_model(tmp_path / "int8.tflite", dtype="int8"))
    assert int8.inputs[0].normalization is None
    assert edgecnn.inspect(colour_model(tmp_path / "no.tflite")).inputs[0].normalization is None


def test_broken_own_metadata_is_passed_over(colour_model: Any, tmp_path: Path) -> None:
    for spec in ({"height": 4}, {"mean": "x"}, [1], "text"):
        path = colour_model(tmp_path / "model.tflite", metadata={"input": spec})
        assert edgecnn.inspect(path).inputs[0].normalization is None


def test_signatures(colour_model: Any, tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    def add(model: Any) -> None:
        signature, image, scores = (
            schema.SignatureDefT(), schema.TensorMapT(), schema.TensorMapT()
        )  # fmt: skip
        image.name, image.tensorIndex = "pixels", 0
        scores.name, scores.tensorIndex = "probabilities", 4
        signature.signatureKey, signature.inputs, signature.outputs = "serve", [image], [scores]
        model.signatureDefs = [signature]

    (found,) = edgecnn.inspect(edited(colour_model(tmp_path / "m.tflite"), add)).signatures
    assert (found.name, found.inputs, found.outputs) == ("serve", ("pixels",), ("probabilities",))


def test_golden_sample_is_shown_as_far_as_it_tells(colour_model: Any, tmp_path: Path) -> None:
    path = colour_model(tmp_path / "model.tflite")
    plain = path.read_bytes()
    provenance = {"scheme": "float32", "versions": {"edgecnn": "0"}}
    golden = {"samples": [{"top1": 1}, {"top1": 2}], "provenance": provenance}
    path.write_bytes(with_packed_files(plain, {GOLDEN_FILE: json.dumps(golden).encode()}))
    found = edgecnn.inspect(path)
    assert found.golden == {"samples": 2, "what": "pictures", "provenance": provenance}
    assert found.packed_files == (GOLDEN_FILE,)
    for broken in (b"", b"\xff", b"[]", b'{"samples": 3}', b"[" * 100_000):
        path.write_bytes(with_packed_files(plain, {GOLDEN_FILE: broken}))
        assert edgecnn.inspect(path).golden is None


@pytest.mark.parametrize("levels", [500, 100_000])
def test_json_that_is_nested_deep(levels: int, colour_model: Any, tmp_path: Path) -> None:
    path = colour_model(tmp_path / "model.tflite")
    deep = b'{"samples": [], "made": ' + b"[" * levels + b"]" * levels + b"}"
    content = with_metadata_buffers(path.read_bytes(), {METADATA_NAME: deep})
    path.write_bytes(with_packed_files(content, {GOLDEN_FILE: deep}))
    json.dumps(edgecnn.inspect(path).to_dict(), allow_nan=False)
