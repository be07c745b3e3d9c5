"""Public metadata as the makers of other files wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.model_metadata.described_file import DescribedFile, parse_tree
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.model_metadata.writing import encode_tree

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
    metadata = DescribedFile(peer).metadata
    assert metadata is not None
    (image,), (scores,) = metadata.inputs, metadata.outputs
    name, pixels = PEERS[peer.name]
    assert metadata.name == name
    assert (image.mean, image.std, image.color_space) == ((127.5,), (127.5,), "RGB")
    assert (image.minimum[0], image.maximum[0]) == pixels
    assert tuple(file.name for file in metadata.files) == scores.label_files
    (packed,) = DescribedFile(peer).packed_files
    assert scores.label_files == (packed,)
    labels = DescribedFile(peer).labels
    assert labels is not None
    assert len(labels) == 1001
    assert labels[0] == "background" and labels[1].startswith("tench")


def test_metadata_that_is_written_again_is_the_same(peer: Path) -> None:
    tree = DescribedFile(peer).metadata_tree
    assert tree is not None
    again = encode_tree(tree)
    assert parse_tree(again) == {**tree, "min_parser_version": "1.0.0"}
    assert encode_tree(parse_tree(again)) == again


def test_without_subgraph_metadata(shared_data: Path) -> None:
    path = shared_data / "peers" / "mobilenet_v1_0.25_224_quant_without_subgraph_metadata.tflite"
    metadata = DescribedFile(path).metadata
    assert metadata is not None
    assert (metadata.inputs, metadata.outputs, metadata.files) == ((), (), ())
    assert DescribedFile(path).labels is None
    assert list(DescribedFile(path).packed_files) == ["labels.txt"]


def test_without_metadata(shared_data: Path) -> None:
    path = shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite"
    assert DescribedFile(path).metadata is None
    assert DescribedFile(path).labels is None
    assert DescribedFile(path).packed_files == {}
    assert METADATA_BUFFER not in DescribedFile(path).model.metadata


def test_nothing_said_is_empty() -> None:
    assert ModelMetadata.from_tree({}) == ModelMetadata()
