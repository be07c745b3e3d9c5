"""The oldest runtime, against what converters wrote and what the runtime's sources say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.inspection.runtimes import oldest_runtime
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.structure import OperatorCode

from .graphs import classifier


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("tf2_mobilenet_v2_1.0_224_ptq.tflite", "1.14.0"),
        ("mobilenet_v2_1.0_224_quant.tflite", "1.5.0"),
    ],
)
def test_op_versions_say_what_the_converter_wrote(
    shared_data: Path, name: str, declared: str
) -> None:
    oldest = oldest_runtime(read_model(shared_data / "peers" / name))
    assert oldest.version == oldest.declared == declared
    assert oldest.unknown == ()


@pytest.mark.parametrize(
    ("codes", "version"),
    [
        ([("CONV_2D", 1)], "1.5.0"),
        ([("CONV_2D", 3), ("SOFTMAX", 2)], "1.14.0"),
        ([("CONV_2D", 5), ("FULLY_CONNECTED", 12)], "2.17.0"),
        ([("TILE", 1)], "1.10.1"),
        ([("BROADCAST_TO", 1)], None),
        ([("CONV_2D", 0)], None),
    ],
)
def test_releases_of_op_versions(codes: list[tuple[str, int]], version: str | None) -> None:
    model = classifier(codes=[OperatorCode(*code) for code in codes])
    assert oldest_runtime(model).version == version


def test_a_later_declaration_counts() -> None:
    later = classifier(metadata={"min_runtime_version": b"2.9.0\0\0\0\0\0"})
    assert oldest_runtime(later).version == "2.9.0"
    earlier = classifier(metadata={"min_runtime_version": b"1.5.0"})
    # MEAN version 1 came with 1.6, QUANTIZE version 1 with 1.14.
    assert oldest_runtime(earlier).version == "1.14.0"
    nonsense = classifier(metadata={"min_runtime_version": b"\xff..9\x1b"})
    assert oldest_runtime(nonsense).declared is None


def test_int16_needs_later_ops_than_a_file_may_say(colour_model: Any, tmp_path: Path) -> None:
    made = colour_model(tmp_path / "int16.tflite", dtype="int16")
    # AVERAGE_POOL_2D takes int16 from its version 3, which came with 2.3; the file says 2.
    assert oldest_runtime(read_model(made)).version == "2.3.0"


def test_is_newer_than_compares_numbers() -> None:
    oldest = oldest_runtime(classifier(codes=[OperatorCode("PAD", 4)]))
    assert oldest.version == "2.6.0"
    assert oldest.is_newer_than("2.5.9")
    assert not oldest.is_newer_than("2.14")
