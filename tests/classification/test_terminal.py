"""``edgecnn.classify`` and ``edgecnn try`` in the terminal, against the runtime itself."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.cli.try_command import bar_text
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.data.geometry import Geometry
from edgecnn.data.inputspec import preset
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.model_metadata.writing import with_metadata

RAW = {"input": preset("raw", 4, 4).to_dict()}
COLOURS = {"red": (220, 40, 30), "green": (30, 200, 60), "blue": (20, 30, 240)}


def with_labels(path: Path, *labels: str) -> Path:
    output = TensorMetadata(name="score", label_files=("labels.txt",))
    metadata = ModelMetadata(name="colours", inputs=(TensorMetadata(),), outputs=(output,))
    content = with_metadata(path.read_bytes(), metadata, {"labels.txt": "\n".join(labels).encode()})
    path.write_bytes(content)
    return path


@pytest.fixture()
def colours(tmp_path: Path, colour_model: Any) -> Path:
    """A float file whose scores are the means of red, green and blue."""
    return with_labels(colour_model(tmp_path / "colours.tflite", metadata=RAW), *COLOURS)


@pytest.fixture()
def pictures(tmp_path: Path) -> list[Path]:
    for name, colour in COLOURS.items():
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    return [tmp_path / f"{name}.png" for name in COLOURS]


def test_scores_labels_and_order(colours: Path, pictures: list[Path]) -> None:
    found = edgecnn.classify(colours, pictures, top=2)
    assert [one.image for one in found] == list(map(str, pictures))
    assert [[best.label for best in one.top] for one in found] == [
        ["red", "green"], ["green", "blue"], ["blue", "green"],
    ]  # fmt: skip
    assert [best.score for best in found[2].top] == [240, 30]
    assert [best.index for best in found[2].top] == [2, 1]


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantised_ends(
    dtype: str, tmp_path: Path, colour_model: Any, pictures: list[Path]
) -> None:
    model = colour_model(tmp_path / "model.tflite", dtype=dtype)
    found = edgecnn.classify(model, pictures[1], mean=(128,), std=(1,), task="classes")
    scores = {best.label: best.score for best in found[0].top}
    less = 128 if dtype == "int8" else 0
    assert scores == {"class 0": 30 - less, "class 1": 200 - less, "class 2": 60 - less}


@pytest.mark.parametrize("resize", ["crop", "stretch"])
@pytest.mark.parametrize("dtype", ["float", "quant"])
def test_makers_file_answers_as_the_runtime_does(
    dtype: str, resize: str, peers: dict[str, Path], photos: list[Path]
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(peers[dtype]))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    said = {"resize": resize, "interpolation": "bilinear"}
    for found in edgecnn.classify(peers[dtype], photos, top=1001, **said):
        image = Image.open(found.image).convert("RGB")
        width, height = (round(side * 256 / min(image.size)) for side in image.size)
        left, top = (width - 224) // 2, (height - 224) // 2
        x, y = image.width / width, image.height / height
        box = (left * x, top * y, (left + 224) * x, (top + 224) * y)
        part = box if resize == "crop" else None
        pixels = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR, part))
        tensor = pixels if dtype == "quant" else (np.float32(pixels) - 127.5) / np.float32(127.5)
        interpreter.set_tensor(source["index"], tensor[None])
        interpreter.invoke()
        scores = interpreter.get_tensor(target["index"])[0]
        scores = scores / 256 if dtype == "quant" else scores
        given = {best.index: best.score for best in found.top}
        assert [given[i] for i in range(1001)] == pytest.approx(scores.tolist(), abs=1e-6)
    assert found.top[0].label != "background"


def test_a_rotated_photograph_is_turned_upright(
    peers: dict[str, Path], photos: list[Path], tmp_path: Path
) -> None:
    image = Image.open(photos[0]).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "upright.png")
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.png", exif=exif)
    upright, lying = edgecnn.classify(
        peers["float"], [tmp_path / "upright.png", tmp_path / "lying.png"]
    )
    assert upright.top == lying.top


def test_labels_that_are_missing_or_too_few(
    tmp_path: Path, colour_model: Any, pictures: list[Path], run_edgecnn: Any
) -> None:
    bare = colour_model(tmp_path / "bare.tflite", metadata=RAW)
    done = run_edgecnn("try", bare, pictures[0])
    assert "class 0" in done.stdout
    assert "no labels" in done.stderr
    done = run_edgecnn("try", with_labels(bare, "red", "green"), pictures[2])
    assert "class 2" in done.stdout
    assert "2 labels for 3 classes" in done.stderr
    assert done.returncode == 0


@pytest.mark.fresh_processes
def test_terminal_output(colours: Path, pictures: list[Path], run_edgecnn: Any) -> None:
    done = run_edgecnn("try", colours, *pictures, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == str(pictures[0])
    assert [line.split()[-1] for line in lines[1:4]] == ["red", "green", "blue"]
    assert lines[1].split()[:2] == ["220.00", "#" * 20]
    assert lines[-1] == "images: whole, stretched to 4x4, bilinear without antialiasing"
    done = run_edgecnn("try", colours, pictures[0], env={"PYTHONIOENCODING": "utf-8"})
    assert "█" * 20 in done.stdout


def test_terminal_output_of_probabilities(
    peers: dict[str, Path], photos: list[Path], run_edgecnn: Any
) -> None:
    done = run_edgecnn("try", peers["float"], photos[0], "--top", 3)
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert lines[1].split()[1] == "%"
    assert lines[1].endswith("tench")


def test_the_users_geometry_is_that_of_files_that_say_none(
    colours: Path, colour_model: Any, tmp_path: Path, run_edgecnn: Any
) -> None:
    """Left and right are red, the centre is blue: what a model sees tells how it was cut."""
    image = Image.new("RGB", (16, 8), (200, 0, 0))
    image.paste((0, 0, 240), (4, 0, 12, 8))
    image.save(tmp_path / "wide.png")
    bare = colour_model(tmp_path / "bare.tflite", dtype="uint8")
    options = {"task": "classes"}
    best = {
        resize: edgecnn.classify(bare, tmp_path / "wide.png", resize=resize, **options)[0].top[0]
        for resize in ("stretch", "crop", "pad")
    }
    # The model answers each channel's mean: half of the whole, all of the centre, a quarter.
    assert {resize: (one.index, one.score) for resize, one in best.items()} == {
        "stretch": (2, 120), "crop": (2, 240), "pad": (2, 60),
    }  # fmt: skip
    done = run_edgecnn("try", bare, tmp_path / "wide.png", "--resize", "pad", "--task", "classes")
    assert done.stdout.splitlines()[-1].startswith("images: whole, fitted into 4x4 with black")


def test_nothing_says_that_three_numbers_are_scores(
    colour_model: Any, pictures: list[Path], tmp_path: Path, run_edgecnn: Any
) -> None:
    bare = colour_model(tmp_path / "bare.tflite", dtype="uint8")
    done = run_edgecnn("try", bare, pictures[0])
    assert done.returncode == 2
    assert "nothing says that its 3 numbers are class scores: --task classes" in done.stderr


def test_what_a_file_says_of_geometry_is_not_overruled_in_silence(
    tmp_path: Path, colour_model: Any, pictures: list[Path]
) -> None:
    spec = preset("raw", 4, 4).with_geometry(Geometry("crop", 0.9, "nearest"))
    model = colour_model(tmp_path / "model.tflite", metadata={"input": spec.to_dict()})
    for said in ({"resize": "stretch"}, {"crop_fraction": 0.8}, {"interpolation": "bicubic"}):
        with pytest.raises(InputError, match=r"says itself how images come.*centre crop of 90 %"):
            edgecnn.classify(model, pictures[0], **said)
    agreeing = {"resize": "crop", "crop_fraction": 0.9, "interpolation": "nearest"}
    assert edgecnn.classify(model, pictures[0], **agreeing)[0].top


def test_bad_images_are_a_line_each_and_the_rest_go_on(
    colours: Path, pictures: list[Path], tmp_path: Path, run_edgecnn: Any
) -> None:
    broken = tmp_path / "bro\nken.png"
    broken.write_bytes(b"no image")
    images = (broken, pictures[0], tmp_path / "absent.png", tmp_path, pictures[2])
    done = run_edgecnn("try", colours, *images, "--json")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 3
    assert all(line.startswith("edgecnn: cannot read image") for line in done.stderr.splitlines())
    found = json.loads(done.stdout)
    assert [one["image"] for one in found] == list(map(str, images))
    assert [sorted(one) for one in found] == [
        ["error", "image"], ["image", "top"], ["error", "image"], ["error", "image"],
        ["image", "top"],
    ]  # fmt: skip
    assert found[1]["top"][0] == {"index": 0, "label": "red", "score": 220.0}


def test_scores_that_are_not_finite(
    tmp_path: Path, colour_model: Any, pictures: list[Path]
) -> None:
    spec = preset("raw", 4, 4).to_dict() | {"std": [1e-36] * 3}
    model = colour_model(tmp_path / "model.tflite", metadata={"input": spec})
    (found,) = edgecnn.classify(model, pictures[0])
    assert found.top == ()
    assert found.error is not None
    assert "NaN or infinity" in found.error


def test_control_characters_of_labels_do_not_reach_the_terminal(
    tmp_path: Path, colour_model: Any, pictures: list[Path], run_edgecnn: Any
) -> None:
    model = colour_model(tmp_path / "model.tflite", metadata=RAW)
    done = run_edgecnn("try", with_labels(model, "\x1b[31mred", "green", "blue"), pictures[0])
    assert "\x1b" not in done.stdout
    assert r"\x1b[31mred" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument 'FILE'"),
        (("colours.tflite",), "name image files, or try it in the browser: --web"),
        (("colours.tflite", "red.png", "--top", "0"), "--top must be at least 1"),
        (("colours.tflite", "red.png", "--web"), "choose them on the page"),
        (("colours.tflite", "--web", "--json"), "--web prints no JSON"),
        (("absent.tflite", "red.png"), "no such file: 'absent.tflite'"),
        (("red.png", "red.png"), "is not a .tflite file"),
        (("float.tflite", "red.png"), "--preprocess"),
        (("half.tflite", "red.png"), "truncated or corrupt"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], says: str, colours: Path, pictures: list[Path],
    colour_model: Any, tmp_path: Path, run_edgecnn: Any,
) -> None:  # fmt: skip
    whole = colour_model(tmp_path / "float.tflite").read_bytes()
    (tmp_path / "half.tflite").write_bytes(whole[: len(whole) // 2])
    done: subprocess.CompletedProcess[str] = run_edgecnn("try", *arguments, cwd=tmp_path)
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecnn: ")
    assert says in line
    assert (done.returncode, done.stdout) == (2, "")


def test_a_file_that_fails_when_it_runs_is_named(shared_data: Path, pictures: list[Path]) -> None:
    model = shared_data / "peers" / "invalid" / "model_invoking_error.tflite"
    with pytest.raises(EdgecnnError, match="model_invoking_error"):
        edgecnn.classify(model, pictures)


def test_no_images(colours: Path) -> None:
    with pytest.raises(InputError, match="no images to classify"):
        edgecnn.classify(colours, [])


def test_bars() -> None:
    assert bar_text(0.5, 4, "utf-8") == "██  "
    assert bar_text(1 / 32, 4, "UTF-8") == "▏   "
    assert bar_text(0.0, 4, "utf-8") == "    "
    assert bar_text(2.0, 4, "ascii") == "####"
    assert bar_text(math.exp(-800), 4, None) == "    "
