"""``edgecnn convert --max-drop`` as a user runs it, and warnings of files slower than float32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and two models: one of three answers, and one of a single number."""
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("budget")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    for name, answers in (("model", 3), ("number", 1)):
        parts = [keras.Input((16, 16, 3)), layers.Conv2D(4, 3, activation="relu", name="first")]
        parts += [layers.GlobalAveragePooling2D(), layers.Dense(answers, name="scores")]
        keras.Sequential(parts).save(folder / f"{name}.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    np.savez(folder / "x.npz", x=pixels)
    np.savez(folder / "few.npz", x=pixels[:9])
    return folder


GOOD = ("model.keras", "--preprocess", "unit", "-c", "x.npz", "--samples", "20")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*GOOD, "--max-drop", "nan"), "--max-drop is a number of points from 0 to below 100"),
        ((*GOOD, "--max-drop", "-1"), "from 0 to below 100, not -1"),
        ((*GOOD, "--max-drop", "100"), "from 0 to below 100, not 100"),
        ((*GOOD, "--max-drop", "a bit"), "'a bit' is not a valid float"),
        ((*GOOD, "--max-drop", "1", "-q", "dynamic,float16"), "not for dynamic and float16"),
        (("model.keras", "--preprocess", "unit", "--max-drop", "1"), "--calibrate FOLDER"),
        (("mobilenet_v2", "--max-drop", "1"), "--max-drop needs trained weights"),
        (("mobilenet_v2", "-c", "x.npz", "--max-drop", "1"), "--max-drop needs trained weights"),
        (
            ("model.keras", *GOOD[1:3], "-c", "few.npz", "--samples", "9", "--max-drop", "1"),
            "none of 9 can be held out",
        ),
    ],
)
def test_bad_input_is_one_line(
    run_edgecnn: Any, here: Path, arguments: tuple[str, ...], says: str
) -> None:
    before = sorted(here.iterdir())
    result = run_edgecnn("convert", *arguments, cwd=here)
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgecnn: ")
    assert says in line
    assert (result.returncode, result.stdout) == (2, "")
    assert sorted(here.iterdir()) == before


@pytest.fixture(scope="module")
def spoilt(here: Path) -> str:
    """A model of one layer, whose weights round to 0 but those for a channel that is 0."""
    keras = pytest.importorskip("keras")
    layers = keras.layers
    only = layers.Dense(9, name="only")
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Flatten(), only])
    kernel, bias = only.get_weights()
    kernel[2::3] = 100.0
    only.set_weights([kernel, bias])
    model.save(here / "spoilt.keras")
    pixels = np.load(here / "x.npz")["x"]
    pixels[..., 2] = 0
    np.savez(here / "no blue.npz", x=pixels)
    return "spoilt.keras"


def test_a_budget_out_of_reach(run_edgecnn: Any, here: Path, spoilt: str, tmp_path: Path) -> None:
    result = run_edgecnn(
        "convert", spoilt, "--preprocess", "unit", "-c", "no blue.npz", "--samples", "20",
        "--max-drop", "1", "--task", "classes", "-q", "float32,int8", "-o", tmp_path, cwd=here,
    )  # fmt: skip
    (line,) = result.stderr.splitlines()
    assert "int8: no mix of int8 and float32 is within 1 point" in line
    assert "try float16" in line
    assert result.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["spoilt_float32.tflite"]


def test_a_budget_that_is_met(run_edgecnn: Any, here: Path, tmp_path: Path) -> None:
    result = run_edgecnn(
        "convert", *GOOD, "--max-drop", "90", "--task", "classes", "-q", "int8,int16x8",
        "-o", tmp_path, cwd=here,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (line,) = [text for text in result.stdout.splitlines() if "within" in text]
    assert line.startswith("  within 90 points as it is: loses ")
    assert line.endswith(" points of agreement with float on 40 images")


def test_int16_is_slower_here_and_that_is_said(
    run_edgecnn: Any, here: Path, tmp_path: Path
) -> None:
    result = run_edgecnn("convert", *GOOD, "-q", "all", "-o", tmp_path, "--json", cwd=here)
    assert result.returncode == 0, result.stderr
    files = {file["scheme"]: file for file in json.loads(result.stdout)}
    assert files["float32"]["latency_over_float32"] is None
    assert files["float16"]["latency_over_float32"] is None
    # The runtime has nothing but reference kernels for it on any desktop.
    assert files["int16x8"]["latency_over_float32"] > 1.05
    for file in files.values():
        low, ratio, high = (file[f"latency_over_float32{end}"] for end in ("_low", "", "_high"))
        slower = [note for note in file["warnings"] if "the float32 file's time" in note]
        assert len(slower) == (ratio is not None and low > 1.05)
        if slower:
            assert low <= ratio <= high
            assert f"{low:.1f}x" in slower[0] and f"{high:.1f}x" in slower[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--target-cpu", "z80"), "unknown target CPU 'z80': choose arm64, x86-vnni, x86-avx2"),
        (("--target-cpu", "arm64", "--device", "desktop"), "choose one"),
        (("--device", "desktop", "-q", "float16"), "--device decides which layers of int8"),
    ],
)
def test_a_target_that_makes_no_sense(
    run_edgecnn: Any, here: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = run_edgecnn("convert", *GOOD, *arguments, cwd=here)
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgecnn: ") and says in line
    assert (result.returncode, result.stdout) == (2, "")


def test_a_device_measures_what_else_is_estimated(
    run_edgecnn: Any, here: Path, tmp_path: Path
) -> None:
    result = run_edgecnn(
        "convert", here / GOOD[0], *GOOD[1:4], here / "x.npz", *GOOD[5:], "--max-drop", "99",
        "--task", "classes", "--device", "desktop", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (made,) = json.loads(result.stdout)
    assert made["budget"]["latency_source"] == "measured on desktop, one thread"
    assert made["budget"]["latency_over_float32"] > 0
