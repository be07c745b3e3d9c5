"""What a command imports, and what works without TensorFlow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from .at_hand import not_here
from .sources import ROOT, copy_sources

HEAVY = ("tensorflow", "keras", "ai_edge_litert", "tflite_runtime")


def imported_by(code: str) -> set[str]:
    tail = "; import json; print(); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}{tail}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import edgecnn", (*HEAVY, "numpy", "rich", "PIL", "click")),
        ("from edgecnn.cli.main import run; run(['--help'])", (*HEAVY, "numpy", "rich", "PIL")),
        ("from edgecnn.cli.main import run; run(['convert', '--help'])", (*HEAVY, "rich")),
        ("from edgecnn.cli.main import run; run(['models'])", HEAVY),
    ],
)
def test_nothing_heavy_is_imported(code: str, unwanted: tuple[str, ...]) -> None:
    assert not set(unwanted) & imported_by(code)


@pytest.fixture(scope="module")
def base_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the base install alone, as on a Raspberry Pi: no TensorFlow."""
    folder = tmp_path_factory.mktemp("base install")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--constraint",
         str(ROOT / "constraints.txt"), str(copy_sources(folder / "sources"))],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        reason = f"cannot install the base requirements: {done.stderr[-300:]}"
        not_here(reason, required_by="EDGECNN_REQUIRE_INSTALLING")
    return python


def run(python: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    # As a user who chose no store: results are kept where that is installed.
    environment = {name: text for name, text in os.environ.items() if name != "EDGECNN_STORE"}
    return subprocess.run(
        [str(python), "-m", "edgecnn", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, env=environment,
    )  # fmt: skip


def test_without_tensorflow_the_rest_works(
    base_python: Path, tmp_path: Path, colour_model: Any
) -> None:
    assert run(base_python, "--help", cwd=tmp_path).returncode == 0
    assert "mobilenet_v2" in run(base_python, "models", cwd=tmp_path).stdout
    colour_model(tmp_path / "colour.tflite")
    json = ("--json", "colour.json")
    measured = run(base_python, "bench", "colour.tflite", "--min-time", 0, *json, cwd=tmp_path)
    assert measured.returncode == 0, measured.stderr
    assert "colour.tflite" in measured.stdout
    reported = run(base_python, "report", "colour.json", "-o", "colour.md", cwd=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert "colour.tflite" in (tmp_path / "colour.md").read_text()


LARGEST_BASE_INSTALL = 200 << 20
"""Most bytes that the base install puts into an environment."""

OF_EVERY_ENVIRONMENT = ("pip", "setuptools", "_distutils_hack", "pkg_resources")
"""What a new environment has already."""


def test_without_tensorflow_the_makers_files_become_integers(
    base_python: Path, tmp_path: Path, shared_data: Path
) -> None:
    packages = base_python.parents[1] / "lib"
    sizes = [
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file() and not any(each.startswith(OF_EVERY_ENVIRONMENT) for each in path.parts)
    ]
    assert sum(sizes) < LARGEST_BASE_INSTALL
    source = shared_data / "peers" / "mobilenet_v1_0.25_224_float_metadata.tflite"
    photos = sorted((shared_data / "imagenet_sample" / "images").iterdir())[:60]
    (tmp_path / "photos").mkdir()
    for photo in photos:
        shutil.copy(photo, tmp_path / "photos")
    made = run(
        *(base_python, "convert", source, "--quantize", "int8,int16x8", "--calibrate", "photos"),
        *("--samples", 30, "--json"),
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    int8, int16x8 = json.loads(made.stdout)
    assert (int8["ops_by_dtype"]["int8"], int16x8["ops_by_dtype"]["int16"]) == (27, 31)
    # Without recovery the first has 11 dB and the second 12.
    assert int8["fidelity"]["after"]["sqnr_db"] > 26
    assert int16x8["fidelity"]["after"]["sqnr_db"] > 28
    assert "tensorflow" not in int8["versions"]


SENSITIVITY = ["sensitivity", "mobilenet_v2", "--calibrate", "digits-train"]


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["convert", "mobilenet_v2"], "convert"),
        (["demo"], "convert"),
        (["bench", "resnet50", "--no-store"], "convert"),
        (SENSITIVITY, "convert"),
        ([*SENSITIVITY, "--plot", "noise.png"], "report"),
        (["report", "results.json"], "report"),
        (["report", "-o", "report.md"], "store"),
        (["report", "tag", "-o", "report.md"], "store"),
    ],
)
def test_what_is_not_installed_is_named_by_its_extra(
    base_python: Path, tmp_path: Path, command: list[str], extra: str
) -> None:
    result = run(base_python, *command, cwd=tmp_path)
    assert result.returncode != 0
    assert len(result.stderr.strip().splitlines()) == 1
    assert f"pip install 'edgecnn[{extra}]'" in result.stderr
    assert list(tmp_path.iterdir()) == []
