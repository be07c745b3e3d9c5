"""Public metadata as the makers of other files wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.metadata.model import ModelMetadata
from edgecnn.metadata.reading import (
    find_buffer,
    parse_tree,
    read_labels,
    read_metadata,
    read_packed_files,
    read_tree,
)
from edgecnn.metadata.schema import METADATA_BUFFER
from edgecnn.metadata.writing import encode_tree

PEERS = {
    "mobilenet_v1_0.25_224_float_metadata.tflite": ("MobileNetV1 image classifier", (-1.0, 1.0)),
    "mobilenet_v1_0.25_224_quant_metadata.tflite": (
        "MobileNetV1 image classifier (quantized)",
        (0.0, 255.0),
    ),
    "mobilenet_v2_1.0_224_quant.tflite": ("ImageClassifier", (0.0, 255.0)),
}


@pytest.fixture(params=sorted(PEERS))
def peer(request: pytest.FixtureRequest, shared_data: Path) -> Path:
    return shared_data / "peers" / str(request.param)


def test_what_the_makers_wrote(peer: Path) -> None:
    metadata = read_metadata(peer)
    assert metadata is not None
    (image,), (scores,) = metadata.inputs, metadata.outputs
    name, pixels = PEERS[peer.name]
    assert metadata.name == name
    assert (image.mean, image.std, image.color_space) == ((127.5,), (127.5,), "RGB")
    assert (image.minimum[0], image.maximum[0]) == pixels
    assert tuple(file.name for file in metadata.files) == scores.label_files
    (packed,) = read_packed_files(peer)
    assert scores.label_files == (packed,)
    labels = read_labels(peer)
    assert labels is not None
    assert len(labels) == 1001
    assert labels[0] == "background" and labels[1].startswith("tench")


def test_metadata_that_is_written_again_is_the_same(peer: Path) -> None:
    tree = read_tree(peer)
    assert tree is not None
    again = encode_tree(tree)
    assert parse_tree(again) == {**tree, "min_parser_version": "1.0.0"}
    assert encode_tree(parse_tree(again)) == again


def test_without_subgraph_metadata(shared_data: Path) -> None:
    path = shared_data / "peers" / "mobilenet_v1_0.25_224_quant_without_subgraph_metadata.tflite"
    metadata = read_metadata(path)
    assert metadata is not None
    assert (metadata.inputs, metadata.outputs, metadata.files) == ((), (), ())
    assert read_labels(path) is None
    assert list(read_packed_files(path)) == ["labels.txt"]


def test_without_metadata(shared_data: Path) -> None:
    path = shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite"
    assert read_metadata(path) is None
    assert read_labels(path) is None
    assert read_packed_files(path) == {}
    assert find_buffer(path.read_bytes(), METADATA_BUFFER) is None


def test_nothing_said_is_empty() -> None:
    assert ModelMetadata.from_tree({}) == ModelMetadata()
