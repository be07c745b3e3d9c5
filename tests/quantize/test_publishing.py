"""What a converted file says of itself in public, and what it takes: one normalisation for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import preset
from edgecnn.golden.sample import GOLDEN_FILE
from edgecnn.inspection.client_rules import MEDIAPIPE, TFLITE_RUNTIME
from edgecnn.inspection.clients import clients_for
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.quantize.result import Conversion
from edgecnn.tflite.reading import read_model

FIVE = ("a", "b", "c", "d", "\N{GREEK SMALL LETTER EPSILON}")


@pytest.fixture(scope="module")
def labelled(
    small_file: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Conversion]:
    """Files of a model that wants BGR less a mean for each channel."""
    folder = tmp_path_factory.mktemp("labelled")
    labels = folder / "names.txt"
    labels.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(FIVE).encode() + b"\r\n\r\n")
    results = edgecnn.convert(
        small_file,
        quantize="all",
        preprocess="caffe",
        calibrate=photos,
        samples=24,
        recover="off",
        output=folder,
        labels=labels,
        author="Ada",
        license="Apache-2.0",
        model_version="v2",
        description="Five letters.",
    )
    return {result.scheme: result for result in results}


SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_metadata(scheme: str, labelled: dict[str, Conversion]) -> None:
    path = labelled[scheme].path
    metadata = DescribedFile(path).metadata
    assert metadata is not None
    texts = (metadata.name, metadata.description, metadata.version, metadata.author)
    assert texts == ("small", "Five letters.", "v2", "Ada")
    assert (metadata.license, metadata.min_parser_version) == ("Apache-2.0", "1.0.0")
    (image,), (scores,) = metadata.inputs, metadata.outputs
    # The whole number next to the average of the means; the graph does the rest.
    assert (image.mean, image.std, image.color_space) == ((115.0,), (1.0,), "RGB")
    ends = (0.0, 255.0) if scheme == "int8" else (-115.0, 140.0)
    assert (image.minimum, image.maximum) == ((ends[0],), (ends[1],))
    assert (scores.minimum, scores.maximum) == ((0.0,), (1.0,))
    assert DescribedFile(path).labels == FIVE
    assert [file.name for file in metadata.files] == list(DescribedFile(path).packed_files)
    assert metadata.files[-1].name == GOLDEN_FILE
    assert "what the model answered" in metadata.files[-1].description


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_normalisation_for_each_channel_is_in_the_file(
    scheme: str, labelled: dict[str, Conversion], keras: Any, small_model: Any, run_tflite: Any
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (12, 32, 32, 3), np.uint8)
    peer = keras.applications.imagenet_utils.preprocess_input(
        pixels.astype(np.float32), mode="caffe"
    )
    expected = small_model.predict(peer, verbose=0)
    found = run_tflite(
        labelled[scheme].path,
        pixels if scheme == "int8" else pixels.astype(np.float32) - 115.0,
    )
    if scheme == "float32":
        np.testing.assert_allclose(found, expected, atol=1e-5)
    tolerance = {"float32": 1e-5, "float16": 2e-2, "dynamic": 0.1, "int8": 0.2, "int16x8": 0.1}
    assert np.abs(found - expected).max() < tolerance[scheme]


def test_all_schemes_are_drop_in_for_media_pipe(labelled: dict[str, Conversion]) -> None:
    for result in labelled.values():
        model, labels = read_model(result.path), DescribedFile(result.path).labels
        verdicts = clients_for(model, DescribedFile(result.path).metadata, labels)
        assert all(each.ok for each in verdicts if each.client != TFLITE_RUNTIME), result.scheme
        assert not [note for note in result.warnings if MEDIAPIPE in note]
        assert result.labels is not None and "names.txt" in result.labels


def test_the_same_bytes_each_time(
    labelled: dict[str, Conversion], small_file: Path, tmp_path: Path
) -> None:
    (again,) = edgecnn.convert(
        small_file,
        quantize="float32",
        preprocess="caffe",
        output=tmp_path,
        labels=FIVE,
        author="Ada",
        license="Apache-2.0",
        model_version="v2",
        description="Five letters.",
    )
    first = labelled["float32"].path
    # What a golden sample says of the calibration differs; the model and its metadata do not.
    assert DescribedFile(again.path).metadata == DescribedFile(first).metadata
    labels = DescribedFile(again.path).packed_files["labels.txt"]
    assert (
        labels == DescribedFile(first).packed_files["labels.txt"] == "\n".join((*FIVE, "")).encode()
    )


@pytest.fixture()
def class_folders(tmp_path: Path) -> Path:
    folder = tmp_path / "classes"
    generator = np.random.default_rng(0)
    for name in FIVE:
        (folder / name).mkdir(parents=True)
        for number in range(3):
            pixels = generator.integers(0, 256, (6, 6, 3), np.uint8)
            Image.fromarray(pixels).resize((40, 40)).save(folder / name / f"{number}.png")
    return folder


def test_labels_are_the_class_folders(small_file: Path, class_folders: Path) -> None:
    out = class_folders.parent
    (made,) = edgecnn.convert(
        small_file, quantize="float32", preprocess="tf", calibrate=class_folders, output=out
    )
    assert DescribedFile(made.path).labels == tuple(sorted(FIVE))
    assert "classes" in (made.labels or "")
    (note,) = [note for note in made.warnings if "labels" in note]
    assert "by their place" in note and "'a' for output 0, '\N{GREEK SMALL LETTER EPSILON}'" in note
    (class_folders / "zz").mkdir()
    Image.new("RGB", (40, 40)).save(class_folders / "zz" / "0.png")
    (made,) = edgecnn.convert(
        small_file, quantize="float32", preprocess="tf", calibrate=class_folders, output=out
    )
    assert (DescribedFile(made.path).labels, made.labels) == (None, None)
    (note,) = [note for note in made.warnings if "labels" in note]
    assert "5 outputs, whose names are not known, and the data 6 class(es)" in note


@pytest.mark.parametrize("count", [4, 6])
def test_a_wrong_number_of_labels_is_refused(count: int, small_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"has {count} labels, and the model 5 classes"):
        edgecnn.convert(
            small_file, quantize="float32", preprocess="tf", labels=["x"] * count, output=tmp_path
        )
    assert list(tmp_path.iterdir()) == []


def test_a_names_classes_are_counted_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 2 labels, and the model 1000 classes"):
        edgecnn.convert("mobilenet_v2", labels=["a", "b"], output=tmp_path)


def test_logits_are_made_and_named(tmp_path: Path) -> None:
    (made,) = edgecnn.convert(
        "mobilenet_v1", quantize="float32", alpha=0.25, size=32, classes=3, softmax=False,
        labels=["a", "b", "c"], output=tmp_path,
    )  # fmt: skip
    (note,) = [note for note in made.warnings if "drop-in" in note]
    assert MEDIAPIPE in note and "logits" in note
    metadata = DescribedFile(made.path).metadata
    assert metadata is not None
    assert metadata.outputs[0].maximum == ()
    assert DescribedFile(made.path).labels == ("a", "b", "c")


def test_grey_images_are_named(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(3, 3)])
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Softmax())
    (made,) = edgecnn.convert(
        model, quantize="float32", preprocess="unit", labels=["a", "b", "c"], output=tmp_path
    )
    metadata = DescribedFile(made.path).metadata
    assert metadata is not None
    assert metadata.inputs[0].color_space == "GRAYSCALE"
    assert [note for note in made.warnings if MEDIAPIPE in note and "GRAYSCALE" in note]


def test_an_exact_file_keeps_its_margin(keras: Any, tmp_path: Path, run_tflite: Any) -> None:
    """Where the first convolution pads, its margin is the mean of each channel, as in training."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    model = keras.Sequential([keras.Input((96, 96, 3)), layers.Conv2D(4, 7, padding="same")])
    model.add(layers.GlobalAveragePooling2D())
    (made,) = edgecnn.convert(
        model, quantize="float32", preprocess="torch", labels=list("abcd"), output=tmp_path
    )
    spec = preset("torch", 96, 96)
    images = np.random.default_rng(5).integers(0, 256, (4, 96, 96, 3), np.uint8)
    expected = model.predict(spec.normalize(images), verbose=0)
    found = run_tflite(made.path, spec.centered().normalize(images))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert made.operators["CONV_2D"] == 2
