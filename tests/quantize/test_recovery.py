"""int8 files answer as the float model does, and say on how many images they were seen to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.datasets import open_dataset, sample_indices
from edgecnn.data.geometry import IMAGENET_CROP
from edgecnn.data.images import fit
from edgecnn.data.inputspec import preset
from edgecnn.quantize.result import Conversion
from edgecnn.tflite.reading import read_model


def kinds(conversion: Conversion) -> list[str]:
    return [op.name for op in read_model(conversion.path).operators]


def test_a_third_of_few_images_is_held_out(small_results: dict[str, Conversion]) -> None:
    for scheme in ("int8", "int16x8"):
        result = small_results[scheme]
        assert result.calibration_images == 16
        assert result.fidelity is not None
        assert result.fidelity["recovery"] == "fast"
        assert result.fidelity["after"]["images"] == 8
        assert result.fidelity["after"]["sqnr_db"] > result.fidelity["before"]["sqnr_db"]
        assert result.fidelity["layers_corrected"] == 4
        assert result.fidelity["layers_left"] == []
        assert result.fidelity["after"]["top1_percent"] is None
    assert kinds(small_results["int8"])[-2:] == ["DEQUANTIZE", "SOFTMAX"]


def test_other_schemes_are_compared_too(small_results: dict[str, Conversion]) -> None:
    found = {scheme: result.fidelity for scheme, result in small_results.items()}
    assert found["float32"] is None
    ratios = {s: f["after"]["sqnr_db"] for s, f in found.items() if f is not None}
    assert ratios["float16"] > ratios["dynamic"]
    # Both integer schemes have weights of 8 bits, which make nearly all of the noise here.
    assert ratios["float16"] > ratios["int16x8"] > ratios["int8"] - 0.5


def test_off_is_the_plain_file(small_file: Path, photos: Path, tmp_path: Path) -> None:
    (plain,) = edgecnn.convert(
        small_file, preprocess="tf", calibrate=photos, samples=24, output=tmp_path, recover="off"
    )
    assert plain.fidelity is not None
    assert plain.fidelity["recovery"] == "off"
    assert plain.fidelity["before"] == plain.fidelity["after"]
    assert kinds(plain)[-2:] == ["SOFTMAX", "DEQUANTIZE"]


def test_full_is_at_least_as_good(
    small_file: Path, photos: Path, tmp_path: Path, small_results: dict[str, Conversion]
) -> None:
    (full,) = edgecnn.convert(
        small_file, preprocess="tf", calibrate=photos, samples=24, output=tmp_path, recover="full"
    )
    fast = small_results["int8"].fidelity
    assert full.fidelity is not None
    assert fast is not None
    assert full.fidelity["after"]["sqnr_db"] >= fast["after"]["sqnr_db"] - 1e-9


def test_an_unknown_level(small_file: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose off, fast, full"):
        edgecnn.convert(
            small_file, preprocess="tf", calibrate=photos, output=tmp_path, recover="most"
        )


def test_odd_images_do_not_decide_the_steps_of_all_others(keras: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, activation="relu")(inputs)
    for _ in range(2):  # gates upon gates: three times as bright is eighty times as large
        x = layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])
        x = layers.Conv2D(16, 1, activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    generator = np.random.Generator(np.random.PCG64(6))
    images = generator.integers(30, 80, (60, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    np.savez(tmp_path / "dim.npz", x=images)
    drawn = sample_indices(open_dataset(str(tmp_path / "dim.npz")), 60)
    images[drawn[:2]] *= 3  # of those that are not held out
    np.savez(tmp_path / "dim.npz", x=images)
    (made,) = edgecnn.convert(
        model, preprocess="unit", calibrate=tmp_path / "dim.npz", samples=60, output=tmp_path
    )
    assert any("2 of 40 calibration images make activations" in text for text in made.warnings)
    assert made.fidelity is not None
    assert made.fidelity["after"]["sqnr_db"] > made.fidelity["before"]["sqnr_db"] + 10


def test_too_few_images_to_prove_anything(small_file: Path, tmp_path: Path) -> None:
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (5, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "few.npz", x=pixels)
    (result,) = edgecnn.convert(
        small_file,
        preprocess="tf",
        calibrate=tmp_path / "few.npz",
        samples=5,
        output=tmp_path,
    )
    assert result.fidelity is None
    assert result.calibration_images == 5


def test_accuracy_where_labels_are_known(keras: Any, tmp_path: Path, run_tflite: Any) -> None:
    model = edgecnn.build("mobilenet_v1", alpha=0.25, size=32, classes=10)
    model.save(tmp_path / "net.keras")
    results = edgecnn.convert(
        tmp_path / "net.keras",
        quantize="float32,int8",
        preprocess="tf",
        calibrate="digits-train",
        samples=20,
        output=tmp_path,
    )
    proof = results[1].fidelity
    assert proof is not None
    after = proof["after"]
    assert after["images"] == 100
    data, spec = open_dataset("digits-train"), preset("tf", 32, 32)
    assert data.labels is not None
    held_out = sample_indices(data, 120)[20:]
    pixels = np.stack([fit(data.read(index), spec) for index in held_out])
    labels = np.array([data.labels[index] for index in held_out])
    wanted = run_tflite(results[0].path, spec.normalize(pixels)).argmax(axis=1)
    found = run_tflite(results[1].path, pixels).argmax(axis=1)
    assert after["float_top1_percent"] == pytest.approx(100 * (wanted == labels).mean())
    assert after["top1_percent"] == pytest.approx(100 * (found == labels).mean())
    assert after["agreement"] == pytest.approx((found == wanted).mean())


def test_the_command_says_it(
    run_edgecnn: Any, small_file: Path, photos: Path, tmp_path: Path
) -> None:
    options = ["--preprocess", "tf", "--calibrate", photos, "--samples", "24", "-o", tmp_path]
    done = run_edgecnn("convert", small_file, *options)
    assert done.returncode == 0, done.stderr
    assert "of 8 images (plain " in done.stdout
    as_json = run_edgecnn("convert", small_file, *options, "--json", "--recover", "off")
    (record,) = json.loads(as_json.stdout)
    assert record["fidelity"]["recovery"] == "off"
    wrong = run_edgecnn("convert", small_file, *options, "--recover", "a bit")
    assert wrong.returncode == 2
    assert wrong.stderr.strip().splitlines()[-1].endswith("choose off, fast, full")


# A first, crude correction of biases reached 0.88 where the plain file has 0.70, and 0.97 for a
# model that loses little. The loss of top-1 has the error of a few hundred images.
REAL = {"mobilenet_v1_0.25_224": (0.90, 1.6), "mobilenet_v2_1.0_224": (0.97, 1.0)}


@pytest.mark.parametrize("name", REAL)
def test_real_models_keep_their_answers(
    name: str, shared_data: Path, real_files: Any, run_tflite: Any
) -> None:
    data, files = open_dataset(shared_data / "imagenet_sample"), real_files(name)
    proof = files["int8"].fidelity
    assert proof is not None
    assert proof["after"]["sqnr_db"] > proof["before"]["sqnr_db"] + 6.0
    spec = preset("tf", 224, 224).with_geometry(IMAGENET_CROP)
    unseen = sorted(set(range(len(data))) - set(sample_indices(data, 200)))
    pixels = np.stack([fit(data.read(index), spec) for index in unseen])
    assert data.labels is not None
    labels = np.array([data.labels[index] + 1 for index in unseen])
    wanted = run_tflite(files["float32"].path, spec.normalize(pixels)).argmax(axis=1)
    found = run_tflite(files["int8"].path, pixels).argmax(axis=1)
    least_agreement, most_loss = REAL[name]
    assert (found == wanted).mean() >= least_agreement
    assert 100 * ((wanted == labels).mean() - (found == labels).mean()) <= most_loss


@pytest.fixture()
def made(shared_data: Path, tmp_path: Path) -> Callable[..., Conversion]:
    """Convert the narrow real network to int8, with other options than ``real_files``."""

    def convert(**options: Any) -> Conversion:
        (result,) = edgecnn.convert(
            shared_data / "models/mobilenet_v1_0.25_224.keras",
            preprocess="tf",
            resize="crop",
            calibrate=shared_data / "imagenet_sample",
            output=tmp_path / "made.tflite",
            **options,
        )
        return result

    return convert


def test_what_is_recovered_costs_few_bytes(
    made: Callable[..., Conversion], real_files: Any
) -> None:
    plain, recovered = made(recover="off"), real_files("mobilenet_v1_0.25_224")["int8"]
    assert recovered.bytes <= 1.02 * plain.bytes
    assert plain.fidelity is not None
    # What the recovered file says that it was before is what the plain file is.
    before = pytest.approx(recovered.fidelity["before"]["sqnr_db"])
    assert plain.fidelity["after"]["sqnr_db"] == before


def test_a_narrow_network_keeps_its_first_layers_in_float_unless_told_not_to(
    made: Callable[..., Conversion], real_files: Any
) -> None:
    all_int8, mixed = made(all_int8=True), real_files("mobilenet_v1_0.25_224")["int8"]
    assert all_int8.fidelity is not None
    assert mixed.fidelity is not None
    assert all_int8.fidelity["layers_in_float"] == []
    weighted = [precision for _, precision in read_model(all_int8.path).weighted_operators()]
    assert set(weighted) == {"int8"}
    front = mixed.fidelity["float_front"]
    assert front["results"] == mixed.fidelity["layers_in_float"] != []
    assert 1.0 < front["latency_ratio"] <= 1.5
    (note,) = (warning for warning in mixed.warnings if "all_int8=True" in warning)
    assert f"{front['latency_ratio']:.2f}x the time (estimated for arm64)" in note
    assert mixed.fidelity["after"]["sqnr_db"] > all_int8.fidelity["after"]["sqnr_db"] + 2.0
    assert mixed.bytes <= 1.02 * all_int8.bytes


def test_no_float_layers_and_a_budget_that_needs_them_are_refused(
    small_file: Path, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="choose one"):
        edgecnn.convert(small_file, calibrate=photos, output=tmp_path, max_drop=1.0, all_int8=True)
