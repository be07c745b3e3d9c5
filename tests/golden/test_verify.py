"""``edgecnn.verify`` and the command on converted files: whole, changed and broken."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.golden.packed_numbers import pack_numbers, unpack_numbers
from edgecnn.golden.sample import CLASS_DTYPE, GOLDEN_FILE, MAX_SAMPLE_BYTES, SCORE_DTYPE
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.writing import with_packed_files

RESNET8 = "models/mlperf_tiny_resnet8_cifar10.keras"
Repack = Callable[..., Path]


@pytest.fixture(scope="session")
def files(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained network, as float32 and int8, and what it was converted from."""
    folder = tmp_path_factory.mktemp("golden")
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (24, 5, 5, 3), np.uint8)
    x = np.stack([np.asarray(Image.fromarray(image).resize((32, 32))) for image in coarse])
    np.savez(folder / "x.npz", x=x)
    results = edgecnn.convert(
        shared_data / RESNET8, quantize="float32,int8", preprocess="raw",
        calibrate=folder / "x.npz", samples=16, recover="off", output=folder,
    )  # fmt: skip
    return {"source": shared_data / RESNET8, **{one.scheme: one.path for one in results}}


def sample_of(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(DescribedFile(path).packed_files[GOLDEN_FILE])
    return value


@pytest.fixture()
def repack(files: dict[str, Path], tmp_path: Path) -> Repack:
    """Copy the int8 file with another golden sample: ``repack(content)``."""

    def write(content: bytes | dict[str, Any], name: str = GOLDEN_FILE) -> Path:
        packed = content if isinstance(content, bytes) else json.dumps(content).encode()
        path = tmp_path / "changed.tflite"
        path.write_bytes(with_packed_files(files["int8"].read_bytes(), {name: packed}))
        return path

    return write


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_the_same_machine_answers_the_same(files: dict[str, Path], scheme: str) -> None:
    found = edgecnn.verify(files[scheme])
    assert found.verdict == "identical"
    assert found.largest_difference == 0.0
    assert found.same_top1 == len(found.samples) == 3
    # Three clear answers: else nothing would be proven.
    assert len({sample.golden_top1 for sample in found.samples}) == 3
    assert all(sample.golden_score > 0.4 for sample in found.samples)


def test_the_answers_are_the_models(files: dict[str, Path], tmp_path: Path) -> None:
    """Another program than ours runs the exported pictures: the Keras model itself."""
    pytest.importorskip("keras")
    from edgecnn.golden.export import export_sample
    from edgecnn.importing.input_format import LoadOptions
    from edgecnn.importing.sources import find_source, format_of

    *pictures, expected = export_sample(files["float32"], tmp_path / "golden")
    source = find_source(str(files["source"]))
    model, _ = format_of(source).keras_model(source, LoadOptions(None, {}))
    images = np.stack([np.asarray(Image.open(path)) for path in pictures]).astype(np.float32)
    answers = model.predict(images, verbose=0)
    said = json.loads(expected.read_text())
    assert [sample["image"] for sample in said["samples"]] == [path.name for path in pictures]
    for answer, sample in zip(answers, said["samples"], strict=True):
        order = np.argsort(-answer)[:5]
        assert [best["index"] for best in sample["top"]] == order.tolist()
        assert [best["score"] for best in sample["top"]] == pytest.approx(answer[order], abs=1e-5)


def test_it_says_where_the_file_is_from(files: dict[str, Path]) -> None:
    provenance = sample_of(files["int8"])["provenance"]
    digest = hashlib.sha256(files["source"].read_bytes()).hexdigest()
    assert provenance["source"] == {
        "kind": "keras", "name": files["source"].name, "sha256": digest,
    }  # fmt: skip
    assert (provenance["scheme"], provenance["recover"]) == ("int8", "off")
    assert (provenance["without"], provenance["max_drop"]) == ([], None)
    assert (provenance["all_int8"], provenance["target_cpu"]) == (False, "arm64")
    calibration = provenance["calibration"]
    assert calibration["fitted"] + calibration["held_out"] == 24
    assert {"edgecnn", "tensorflow", "keras"} <= set(provenance["versions"])
    assert provenance["fidelity"]["after"]["images"] == calibration["held_out"]
    assert sample_of(files["float32"])["provenance"]["calibration"] is None


def test_a_sample_is_small_and_tells_no_folder(files: dict[str, Path]) -> None:
    content = DescribedFile(files["int8"]).packed_files[GOLDEN_FILE]
    assert len(content) < 4000
    assert str(files["source"].parent).encode() not in content
    assert str(files["int8"].parent).encode() not in content


def with_values(value: dict[str, Any], values: Any) -> dict[str, Any]:
    scores = np.sort(np.asarray(values, np.float32))[::-1]
    value["samples"][1]["values"] = pack_numbers(scores, SCORE_DTYPE)
    value["samples"][1]["output_sha256"] = "0"
    return value


def test_other_answers_are_different(
    files: dict[str, Path], repack: Repack, run_edgecnn: Any
) -> None:
    changed = repack(with_values(sample_of(files["int8"]), np.full(10, 0.1)))
    found = edgecnn.verify(changed)
    assert found.verdict == "different"
    assert [sample.verdict for sample in found.samples] == ["identical", "different", "identical"]
    outcome = run_edgecnn("verify", files["int8"], changed)
    assert outcome.returncode == 1
    assert outcome.stderr == ""
    assert "stripes: class" in outcome.stdout
    assert "identical on desktop" in outcome.stdout


def test_rounding_is_close(files: dict[str, Path], repack: Repack, run_edgecnn: Any) -> None:
    value = sample_of(files["int8"])
    for sample in value["samples"]:
        scores = unpack_numbers(sample["values"], 10, SCORE_DTYPE) * np.float32(0.99)
        sample.update(values=pack_numbers(scores, SCORE_DTYPE), output_sha256="0")
    outcome = run_edgecnn("verify", repack(value), "--json")
    assert outcome.returncode == 0, outcome.stderr
    (found,) = json.loads(outcome.stdout)
    assert (found["verdict"], found["same_top1"]) == ("close", 3)
    assert 0 < found["largest_difference"] <= 0.01


def changed(value: dict[str, Any], place: str, new: Any) -> dict[str, Any]:
    *path, last = place.split(".")
    inner: Any = value
    for step in path:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = new
    return value


BOMB = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
SAMPLE = "samples.0."


@pytest.mark.parametrize(
    ("place", "new", "says"),
    [
        ("format", 3, "is of format 3"),
        ("format", 2, "it has no 'inputs'"),
        ("generator", "photographs-1", "with 'photographs-1'"),
        ("samples", [], "0 samples"),
        ("samples", "abc", "is broken"),
        ("made", None, "does not say how it was made"),
        ("input", {}, "it has no 'dtype'"),
        ("input.height", -3, "is broken"),
        ("input.std", [0.0, 1.0, 1.0], "std must be greater than 0"),
        ("input.dtype", "float64", "dtype 'float64'"),
        ("input.height", 64, "is another model's"),
        ("output.elements", 1001, "10 values where 256 are needed"),
        ("output.elements", 10**30, "where a whole number"),
        (SAMPLE + "pattern", "cat", "no pattern 'cat'"),
        (SAMPLE + "seed", -1, "where a whole number"),
        (SAMPLE + "seed", 7, "'ball' of its golden sample is not the one"),
        (SAMPLE + "input_sha256", "00", "'ball' of its golden sample is not the one"),
        (SAMPLE + "values", "???", "is broken"),
        (SAMPLE + "values", "AAAA", "is broken"),
        (SAMPLE + "values", BOMB, "more values where 10 are needed"),
        (SAMPLE + "values", pack_numbers(np.full(10, np.nan), SCORE_DTYPE), "its scores are not"),
        (
            SAMPLE + "values",
            pack_numbers(np.arange(9), SCORE_DTYPE),
            "9 values where 10 are needed",
        ),
        (SAMPLE + "classes", pack_numbers(np.arange(1, 11), CLASS_DTYPE), "its classes are not"),
        (SAMPLE + "classes", pack_numbers(np.zeros(10), CLASS_DTYPE), "its classes are not"),
    ],
)
def test_broken_samples(
    place: str, new: Any, says: str, files: dict[str, Path], repack: Repack
) -> None:
    path = repack(changed(sample_of(files["int8"]), place, new))
    with pytest.raises(InputError, match=says) as caught:
        edgecnn.verify(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"no JSON", b"\xff\xfe", b"[]", b"[" * 100_000, b"{}", b" " * (MAX_SAMPLE_BYTES + 1)],
)
def test_samples_that_are_none(content: bytes, repack: Repack) -> None:
    with pytest.raises(InputError, match="golden sample of"):
        edgecnn.verify(repack(content))


def test_bad_input_is_one_line(
    files: dict[str, Path], colour_model: Any, repack: Repack, tmp_path: Path, run_edgecnn: Any
) -> None:
    other = colour_model(tmp_path / "other.tflite")
    (tmp_path / "garbage.tflite").write_bytes(b"\x20\0\0\0TFL3" + b"garbage" * 100)
    for arguments, says in [
        ((other,), "has no golden sample"),
        ((tmp_path / "garbage.tflite",), "is truncated or corrupt"),
        ((tmp_path / "absent.tflite",), "absent.tflite"),
        ((files["int8"], "--threads", "0"), "--threads must be 1 to"),
        ((files["int8"], "--device", "no such device"), "no such device"),
        ((files["int8"], files["int8"], "--export", tmp_path / "out"), "--export takes one file"),
        ((files["int8"], "--export", tmp_path / "absent" / "out"), "cannot make the folder"),
        ((files["int8"], "--export", other), "cannot make the folder"),
    ]:
        outcome = run_edgecnn("verify", *arguments)
        (line,) = outcome.stderr.splitlines()
        assert line.startswith("edgecnn: ")
        assert says in line
        assert (outcome.returncode, outcome.stdout) == (2, "")
    assert not (tmp_path / "out").exists()


def test_a_bad_file_leaves_the_others(
    files: dict[str, Path], tmp_path: Path, run_edgecnn: Any
) -> None:
    outcome = run_edgecnn("verify", tmp_path / "absent.tflite", files["float32"])
    assert outcome.returncode == 2
    assert "identical" in outcome.stdout
    assert len(outcome.stderr.splitlines()) == 1


def test_metadata_that_is_set_leaves_the_sample_and_strip_takes_it_out(
    files: dict[str, Path], tmp_path: Path, run_edgecnn: Any
) -> None:
    named, bare = tmp_path / "named.tflite", tmp_path / "bare.tflite"
    told = ("--author", "Ada", "--name", "Ten things")
    assert run_edgecnn("metadata", "set", files["int8"], *told, "-o", named).returncode == 0
    assert DescribedFile(named).packed_files == DescribedFile(files["int8"]).packed_files
    metadata = DescribedFile(named).metadata
    assert metadata is not None
    assert (metadata.author, metadata.name) == ("Ada", "Ten things")
    assert [file.name for file in metadata.files] == [GOLDEN_FILE]
    assert edgecnn.verify(named).verdict == "identical"
    stripped = run_edgecnn("metadata", "strip", named, "-o", bare)
    written, note = stripped.stdout.splitlines()
    assert written.startswith(f"{bare} is written, ")
    assert written.endswith(f" bytes smaller, without {GOLDEN_FILE}")
    assert "edgecnn verify cannot check it" in note
    with pytest.raises(InputError, match="has no golden sample"):
        edgecnn.verify(bare)
    assert "note" not in run_edgecnn("metadata", "strip", bare).stdout


def test_a_file_without_a_sample_lists_none(tmp_path: Path) -> None:
    """One that is not finite for a black pixel, which golden pictures have and noise has not."""
    keras = pytest.importorskip("keras")
    image = keras.Input((16, 16, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.ops.reciprocal(image))
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    (made,) = edgecnn.convert(
        model, quantize="float32", preprocess="unit", output=tmp_path, labels=["a", "b", "c"]
    )
    metadata = DescribedFile(made.path).metadata
    assert metadata is not None
    listed = [file.name for file in metadata.files]
    assert listed == list(DescribedFile(made.path).packed_files) == ["labels.txt"]
    assert list(tmp_path.iterdir()) == [made.path]


def test_a_model_in_memory_gives_the_same_bytes_again(grey_model: Any, tmp_path: Path) -> None:
    made = []
    for name in ("first.tflite", "second.tflite"):
        (result,) = edgecnn.convert(
            grey_model, quantize="float32", preprocess="unit", output=tmp_path / name
        )
        made.append(result.path.read_bytes())
    assert made[0] == made[1]
    source = sample_of(tmp_path / "first.tflite")["provenance"]["source"]
    assert (source["kind"], source["name"]) == ("in memory", "tiny")


@pytest.fixture(scope="session")
def grey_model() -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((16, 16, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    return keras.Model(image, layers.Dense(3, activation="softmax")(x), name="tiny")
