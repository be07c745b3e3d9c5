"""Trained weights of others in our builders score what their own files score, on real images."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

import edgecnn


@pytest.fixture(scope="module")
def cifar10(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test set in class folders."""
    folder = tmp_path_factory.mktemp("cifar10")
    with tarfile.open(shared_data / "cifar10" / "test.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in (folder, *folder.iterdir()) if len(list(path.iterdir())) == 10)


def test_resnet8_scores_what_mlperf_tinys_file_scores(
    shared_data: Path, cifar10: Path, tmp_path: Path
) -> None:
    weights = shared_data / "models" / "mlperf_tiny_resnet8_cifar10.keras"
    result = edgecnn.convert("resnet8", quantize="float32", weights=weights, output=tmp_path)[0]
    record = edgecnn.bench(result.path, data=cifar10, runs=5)[0]
    assert record.images == 10_000
    assert record.top1_percent == pytest.approx(75.5, abs=0.05)  # The file's, on the JPEG set.


@pytest.mark.parametrize(
    ("name", "alpha", "file"),
    [
        ("mobilenet_v1", 0.25, "mobilenet_v1_0.25_224"),
        ("mobilenet_v2", 1.0, "mobilenet_v2_1.0_224"),
    ],
)
def test_mobilenets_answer_as_their_files_do(
    name: str, alpha: float, file: str, shared_data: Path, real_files: Any, tmp_path: Path
) -> None:
    path = shared_data / "models" / f"{file}.keras"
    ours = edgecnn.convert(
        name,
        alpha=alpha,
        classes=1001,
        weights=path,
        resize="crop",
        quantize="float32",
        output=tmp_path / "a.tflite",
    )[0]
    theirs = real_files(file)["float32"]
    photographs = shared_data / "imagenet_sample"
    scores = [
        (record.top1_percent, record.top5_percent)
        for file in (ours, theirs)
        for record in edgecnn.bench(file.path, data=photographs, images=200, runs=5)
    ]
    assert scores[0] == scores[1]
    assert scores[0][0] is not None
    assert scores[0][0] > 50
