"""Programs for one file: those in Python and for the web are run, those for phones are read."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.classification.classifier import read_classifier
from edgecnn.core.errors import InputError
from edgecnn.data.geometry import CUSTOMS, INTERPOLATIONS, Geometry
from edgecnn.data.images import decode, fit
from edgecnn.data.inputspec import preset
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.model_metadata.public_metadata import AssociatedFile, ModelMetadata, TensorMetadata
from edgecnn.model_metadata.writing import with_metadata
from edgecnn.snippets.quoting import (
    comment_text,
    kotlin_literal,
    python_literal,
    script_literal,
    swift_literal,
)
from edgecnn.snippets.snippet import PLATFORMS, snippet
from tests.browser import served
from tests.hostile_texts import HOSTILE_TEXTS, READABLE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.conftest import ColourModel, RunEdgecnn

PEERS = (
    "mobilenet_v1_0.25_224_float_metadata",
    "mobilenet_v1_0.25_224_quant_metadata",
    "tf2_mobilenet_v2_1.0_224_ptq",
)
ODD = "\f\b\x00\U0001f600 $x \\u0041 --> */ /*"
HOSTILE = 'a"b\\c$d</script>@HEIGHT@${e}\\(f)\n\u202e#{g}'


@pytest.fixture(scope="module", params=PEERS)
def peer(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """One of the makers' own files, under a name that needs quoting."""
    source = shared_data / "peers" / f"{request.param}.tflite"
    path = tmp_path_factory.mktemp("peer") / 'it\'s "mine" & yours.tflite'
    shutil.copy(source, path)
    return path


@pytest.fixture(scope="module")
def photo(shared_data: Path) -> Path:
    return sorted((shared_data / "imagenet_sample" / "images").iterdir())[100]


def run_program(program: str, folder: Path, *arguments: object) -> list[str]:
    script = folder / "classify.py"
    script.write_text(program, "utf-8")
    command = [sys.executable, script.name, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_python_program_answers_as_edgecnn_does(
    peer: Path, photo: Path, tmp_path: Path
) -> None:
    (wanted,) = edgecnn.classify(peer, photo)
    lines = run_program(snippet(peer, "python"), tmp_path, photo)
    assert lines == [f"{best.score:8.2%}  {best.label}" for best in wanted.top]


def test_few_labels_stand_in_the_program(colour_model: ColourModel, tmp_path: Path) -> None:
    labels = ("red", HOSTILE.replace("\n", " "), "blue")
    content = colour_model(tmp_path / "plain.tflite").read_bytes()
    described = ModelMetadata(
        inputs=(TensorMetadata(mean=(0.0,), std=(1.0,), color_space="RGB"),),
        outputs=(TensorMetadata(label_files=("labels.txt",)),),
        files=(AssociatedFile("labels.txt"),),
    )
    packed = {"labels.txt": "\n".join(labels).encode()}
    path = tmp_path / "colours.tflite"
    path.write_bytes(with_metadata(content, described, packed))
    image = tmp_path / "green.png"
    Image.new("RGB", (9, 7), (10, 200, 30)).save(image)
    lines = run_program(snippet(path, "python"), tmp_path, image)
    assert lines == [f"{200:8.3f}  {labels[1]}", f"{30:8.3f}  blue", f"{10:8.3f}  red"]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_each_kind_of_input_gets_what_it_takes(
    dtype: str, colour_model: ColourModel, tmp_path: Path
) -> None:
    raw = {"height": 4, "width": 4, "mean": [0, 0, 0], "std": [1, 1, 1], "color_order": "RGB"}
    if dtype == "int8":  # its scale of 1 stands for pixels less 128
        raw["mean"] = [128, 128, 128]
    model = colour_model(tmp_path / "model.tflite", dtype=dtype, metadata={"input": raw})
    image = tmp_path / "blue.png"
    Image.new("RGB", (8, 8), (30, 60, 200)).save(image)
    lines = run_program(snippet(model, "python"), tmp_path, image)
    shift = 128 if dtype == "int8" else 0
    wanted = [(200, "class 2"), (60, "class 1"), (30, "class 0")]
    assert lines == [f"{value - shift:8.3f}  {name}" for value, name in wanted]


def test_the_page_answers_as_edgecnn_does(
    peer: Path, photo: Path, browser: Browser, node_packages: Path, tmp_path: Path
) -> None:
    image = tmp_path / "cut.png"
    Image.fromarray(fit(decode(photo), read_classifier(peer).spec)).save(image)
    (wanted,) = edgecnn.classify(peer, image)
    (tmp_path / "index.html").write_text(snippet(peer, "web"), "utf-8")
    shutil.copy(peer, tmp_path / peer.name)
    (tmp_path / "node_modules").symlink_to(node_packages)
    wrong: list[str] = []
    with served(site=tmp_path) as address, browser.new_context() as context:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{address}/site/index.html")
        page.wait_for_selector("#image:enabled", timeout=60_000)
        page.set_input_files("#image", image)
        page.wait_for_selector("#classes li")
        rows = page.locator("#classes li").all_inner_texts()
    assert wrong == []
    labels, shares = zip(*(row.removesuffix(" %").rsplit(": ", 1) for row in rows), strict=True)
    # The photograph has the model's size, so that no side resizes it.
    assert labels[0] == wanted.top[0].label
    assert float(shares[0]) == pytest.approx(100 * wanted.top[0].score, abs=0.1)


EVERY_GEOMETRY = [(resize, interpolation) for resize in CUSTOMS for interpolation in INTERPOLATIONS]


@pytest.mark.parametrize(("resize", "interpolation"), EVERY_GEOMETRY)
def test_the_python_program_cuts_as_edgecnn_does(
    resize: str, interpolation: str, colour_model: ColourModel, tmp_path: Path
) -> None:
    """Noise of an odd size, whose channels' means tell of every pixel that is cut otherwise."""
    spec = preset("raw", 4, 4).with_geometry(Geometry(resize, 1, interpolation))
    model = colour_model(tmp_path / "model.tflite", metadata={"input": spec.to_dict()})
    pixels = np.random.default_rng(0).integers(0, 256, (37, 21, 3), np.uint8)
    image = tmp_path / "noise.png"
    Image.fromarray(pixels).save(image)
    (wanted,) = edgecnn.classify(model, image)
    lines = run_program(snippet(model, "python"), tmp_path, image)
    assert lines == [f"{best.score:8.3f}  {best.label}" for best in wanted.top]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(("resize", "interpolation"), EVERY_GEOMETRY)
def test_no_place_is_left_open(
    platform: str, resize: str, interpolation: str, shared_data: Path
) -> None:
    said = Preprocessing.of(resize=resize, interpolation=interpolation)
    program = snippet(shared_data / "peers" / f"{PEERS[0]}.tflite", platform, said)
    assert not re.search("@[A-Z_ ]+@", program)
    assert "224" in program
    assert said.placed(preset("tf", 224, 224)).geometry_text in program
    assert program.count("{") == program.count("}")
    assert program.count("(") == program.count(")")


def test_phones_get_the_part_that_the_file_says(shared_data: Path) -> None:
    """MediaPipe stretches by itself, crops by a region of interest, and does nothing else."""
    model = shared_data / "peers" / f"{PEERS[0]}.tflite"
    for platform in ("android", "ios"):
        plain = snippet(model, platform)
        assert "egionOfInterest" not in plain
        assert "fitted" not in plain
        own_filter = Preprocessing.of(resize="crop", interpolation="bilinear-asymmetric")
        assert "egionOfInterest" in snippet(model, platform, own_filter)
        for resize in ("stretch", "crop", "pad"):
            as_keras = Preprocessing.of(resize=resize, interpolation="bilinear-no-antialias")
            program = snippet(model, platform, as_keras)
            assert "fitted" in program
            assert "egionOfInterest" not in program


def test_programs_for_phones_name_file_and_source(peer: Path) -> None:
    kotlin, swift = snippet(peer, "android"), snippet(peer, "ios")
    assert 'setModelAssetPath("it\'s \\"mine\\" & yours.tflite")' in kotlin
    assert 'forResource: "it\'s \\"mine\\" & yours", ofType: "tflite"' in swift
    for program in (kotlin, swift):
        assert "https://ai.google.dev/edge/mediapipe/solutions/vision/image_classifier/" in program
        assert program.count("{") == program.count("}")
        assert program.count("(") == program.count(")")


@pytest.mark.parametrize("text", [*HOSTILE_TEXTS.values(), READABLE, HOSTILE, ODD])
def test_literals_stand_for_the_text(text: str) -> None:
    assert ast.literal_eval(python_literal(text)) == text
    assert json.loads(script_literal(text)) == text
    assert "<" not in script_literal(text)
    shown = text.encode(errors="replace").decode()
    # These are the escapes of Kotlin, https://kotlinlang.org/docs/characters.html, and of Swift,
    # https://docs.swift.org/swift-book/documentation/the-swift-programming-language/stringsandcharacters.
    for literal, escape in (
        (kotlin_literal(text), r'\\(?:u([0-9a-f]{4})|([nrt"\\$]))'),
        (swift_literal(text), r'\\(?:u\{([0-9a-f]{1,8})\}|([nrt"\\]))'),
    ):
        assert literal.isprintable()
        inner = re.sub(escape, _unescaped, literal[1:-1])
        assert inner.encode("utf-16", "surrogatepass").decode("utf-16") == shown
        assert not re.search(r'["\\]', re.sub(escape, "", literal[1:-1]))
    assert "$" not in re.sub(r"\\\$", "", kotlin_literal(text))
    assert len(comment_text(text).splitlines()) <= 1
    assert not re.search(r"\*/|/\*|-->", comment_text(text))


def _unescaped(escape: re.Match[str]) -> str:
    number, letter = escape.groups()
    return chr(int(number, 16)) if number else {"n": "\n", "r": "\r", "t": "\t"}.get(letter, letter)


def test_a_file_that_a_platform_does_not_take(shared_data: Path) -> None:
    plain = shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite"
    with pytest.raises(InputError, match=r"MediaPipe.*for android"):
        snippet(plain, "android", edgecnn_preset("tf"))
    with pytest.raises(InputError, match="choose python, android, ios, web"):
        snippet(plain, "windows")


def edgecnn_preset(name: str) -> object:
    return Preprocessing.of(name, None, None)


def test_the_command_prints_or_writes(
    run_edgecnn: RunEdgecnn, shared_data: Path, tmp_path: Path
) -> None:
    model = shared_data / "peers" / f"{PEERS[0]}.tflite"
    printed = run_edgecnn("snippet", model, "--for", "python")
    assert printed.returncode == 0
    written = run_edgecnn("snippet", model, "--for", "python", "-o", tmp_path / "it.py")
    assert written.returncode == 0
    assert (tmp_path / "it.py").read_text("utf-8") == printed.stdout
    missing = run_edgecnn("snippet", tmp_path / "none.tflite", "--for", "web")
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)
