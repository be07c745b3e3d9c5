"""What a user can get wrong, through the real command: one line, an exit code, no file left."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from edgecnn.cli.main import COMMANDS, cli

LONG = "n" * 300
QUICK = ("--runs", "3", "--min-time", "0", "--warmup", "0")

PR_CAPBSET_DROP = 24  # linux/prctl.h
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  # linux/capability.h

Outcome = subprocess.CompletedProcess[str]


def assert_one_line(outcome: Outcome, exit_code: int, says: str) -> None:
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("edgecnn: ")
    assert says in line
    assert outcome.returncode == exit_code


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture()
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def here(keras: Any, colour_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that commands run in: good models and data, and bad ones of each kind."""
    folder = tmp_path_factory.mktemp("bad input")
    write_models(keras, folder)
    write_data(folder)
    whole = colour_model(folder / "whole.tflite").read_bytes()
    (folder / "truncated.tflite").write_bytes(whole[: len(whole) // 2])
    (folder / "random.tflite").write_bytes(b"\x20\0\0\0TFL3" + os.urandom(4000))
    (folder / "empty.h5").touch()
    (folder / "loop").symlink_to("loop")
    return folder


def write_models(keras: Any, folder: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((16, 16, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(pooled))
    model.save(folder / "whole.keras")
    model.save(folder / "whole.h5")
    model.save_weights(folder / "only.weights.h5")
    damage(folder)
    model.set_weights([np.full_like(values, np.nan) for values in model.get_weights()])
    model.save(folder / "nan.keras")
    unbuilt = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3)])
    unbuilt.save(folder / "unbuilt.keras")
    unbuilt.save(folder / "unbuilt.h5")


def damage(folder: Path) -> None:
    whole = (folder / "whole.h5").read_bytes()
    (folder / "half.h5").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray((folder / "whole.keras").read_bytes())
    middle = len(flipped) // 2
    flipped[middle : middle + 64] = bytes(64)
    (folder / "flipped.keras").write_bytes(flipped)


def write_data(folder: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (12, 20, 20, 3), np.uint8)
    np.savez(folder / "x.npz", x=x)
    np.savez(folder / "no_images.npz", x=x[:0])
    np.savez(folder / "five_channels.npz", x=np.zeros((12, 8, 8, 5), np.uint8))
    np.savez(folder / "normalised.npz", x=x / 255.0)
    np.savez(folder / "five_classes.npz", x=x, y=np.arange(12) % 5)
    (folder / "empty folder").mkdir()
    (folder / "text.npz").write_text("no archive")
    for name in ("a", "b", "c"):
        (folder / "unreadable" / name).mkdir(parents=True)
        (folder / "unreadable" / name / "photo.png").write_text("no image")
    (folder / "map").mkdir()
    (folder / "map" / "val_map.txt").write_text("photo.png one\n")


TO_INT8 = ("whole.keras", "--preprocess", "unit", "-c")

BAD_CONVERSIONS = [
    (("mobilnet_v2",), "did you mean mobilenet_v2"),
    (("",), "is not a SavedModel"),
    (("absent.h5",), "no such file: 'absent.h5'"),
    (("two\nlines.keras",), r"no such file: 'two\nlines.keras'"),
    ((f"{LONG}.keras",), "File name too long"),
    (("loop",), "Too many levels of symbolic links"),
    (("empty folder",), "'empty folder' is not a SavedModel"),
    (("empty.h5",), "'empty.h5' is empty"),
    (("flipped.keras",), "'flipped.keras' is truncated or corrupt"),
    (("whole.keras", "whole.h5"), "files of two sources would be named 'whole'"),
    (("whole.keras", "--weights", "imagenet"), "--weights goes with the name"),
    (("whole.keras", "--classes", "3"), "--classes goes with the name"),
    (("whole.keras", "--logits"), "--logits goes with the name"),
    (("whole.keras", "--mean", "127.5"), "--mean and --std go together"),
    (("whole.keras", "--mean", "a"), "'a' is not a list of numbers"),
    (("whole.keras", "--mean", "nan", "--std", "1"), "not finite"),
    (("whole.keras", "--samples", "many"), "'many' is not a valid integer"),
    ((*TO_INT8, "x.npz", "--samples", "0"), "--samples must be at least 1"),
    ((*TO_INT8, "no_images.npz"), "x has shape (0, 20, 20, 3)"),
    ((*TO_INT8, "five_channels.npz"), "x has shape (12, 8, 8, 5)"),
    ((*TO_INT8, "normalised.npz"), "edgecnn normalises them itself"),
    ((*TO_INT8, "text.npz"), "'text.npz' is truncated, corrupt, or no .npz file"),
    ((*TO_INT8, "empty.h5"), "is a file, where a folder or an .npz is needed"),
    ((*TO_INT8, "empty folder"), "'empty folder' holds no images"),
    ((*TO_INT8, "nowhere"), "no data at 'nowhere'"),
    ((*TO_INT8, LONG), "File name too long"),
    (("--nonsense",), "No such option '--nonsense'"),
    ((), "Missing argument 'SOURCE...'"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_CONVERSIONS)
def test_conversion_of_bad_input(
    arguments: tuple[str, ...], says: str, here: Path, out: Path, run_edgecnn: Any
) -> None:
    before = contents(here)
    outcome = run_edgecnn("convert", "-o", out, *arguments, cwd=here)
    assert_one_line(outcome, 2, says)
    assert outcome.stdout == ""
    assert contents(out) == []
    assert contents(here) == before


# These are found when TensorFlow has the model: seconds each.
BAD_MODELS = [
    (("half.h5", "-q", "float32"), 2, "'half.h5' cannot be loaded"),
    (("only.weights.h5", "-q", "float32"), 2, "'only.weights.h5' holds weights only"),
    (("unbuilt.keras", "-q", "float32"), 2, "'unbuilt.keras' was never built: save it after"),
    (("unbuilt.h5", "-q", "float32"), 2, "'unbuilt.h5' was never built: save it after"),
    (("nan.keras", "-q", "float32"), 1, "check the model's weights"),
    (("nan.keras", "--preprocess", "unit", "-c", "x.npz", "--samples", "12"), 2, "not finite"),
    ((*TO_INT8, "unreadable", "--samples", "3"), 2, "no calibration image can be read"),
]


@pytest.mark.parametrize(("arguments", "exit_code", "says"), BAD_MODELS)
def test_conversion_of_bad_models(
    arguments: tuple[str, ...], exit_code: int, says: str, here: Path, out: Path, run_edgecnn: Any
) -> None:
    outcome = run_edgecnn("convert", *arguments, "-o", out, cwd=here)
    assert_one_line(outcome, exit_code, says)
    assert outcome.stdout == ""
    assert contents(out) == []


BAD_OUTPUTS = [
    ("", "the output's name is empty"),
    ("no/such/a.tflite", "folder 'no/such' does not exist"),
    ("no/", "folder 'no' does not exist"),
    ("whole.h5/", "'whole.h5' is a file, where a folder is needed"),
    ("whole.keras", "would destroy 'whole.keras', which is read"),
    (f"{LONG}.tflite", "File name too long"),
]


@pytest.mark.parametrize(("output", "says"), BAD_OUTPUTS)
def test_output_that_cannot_be(output: str, says: str, here: Path, run_edgecnn: Any) -> None:
    before, model = contents(here), (here / "whole.keras").read_bytes()
    outcome = run_edgecnn("convert", "whole.keras", "-q", "float32", "-o", output, cwd=here)
    assert_one_line(outcome, 2, says)
    assert contents(here) == before
    assert (here / "whole.keras").read_bytes() == model


BAD_MEASUREMENTS = [
    (("truncated.tflite",), "'truncated.tflite' is truncated or corrupt"),
    (("random.tflite",), "'random.tflite' is truncated or corrupt"),
    (("whole.keras",), "'whole.keras' is a Keras file"),
    (("empty folder",), "'empty folder' is a folder, where a .tflite file is needed"),
    (("loop",), "Too many levels of symbolic links"),
    ((f"{LONG}.tflite",), "File name too long"),
    (("whole.tflite", "--runs", "0"), "--runs must be 1 to"),
    (("whole.tflite", "--min-time", "nan"), "--min-time must be 0 or more"),
    (("whole.tflite", "--warmup", "-1"), "--warmup must be 0 or more"),
    (("whole.tflite", "--data", "empty folder"), "'empty folder' holds no images"),
    (("whole.tflite", "--data", "map"), "line 1: expected 'file index'"),
    (("whole.tflite", "--data", "x.npz"), "'x.npz' has no labels"),
    (
        ("whole.tflite", "--data", "five_classes.npz", "--preprocess", "raw"),
        "the data states class indices 0 to 4, and 'whole.tflite' has 3 outputs",
    ),
    (
        ("whole.tflite", "--data", "unreadable", "--preprocess", "raw", *QUICK),
        "not one image can be read",
    ),
    (
        ("whole.tflite", "--data", "unreadable", "--preprocess", "raw", "--label-offset", "9"),
        "--label-offset 9 leads labels",
    ),
    (("whole.tflite", "--json", "whole.tflite"), "would destroy 'whole.tflite', which is read"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_MEASUREMENTS)
def test_measurement_of_bad_input(
    arguments: tuple[str, ...], says: str, here: Path, run_edgecnn: Any
) -> None:
    before = contents(here)
    outcome = run_edgecnn("bench", *arguments, cwd=here)
    assert_one_line(outcome, 2, says)
    assert contents(here) == before


BAD_PROFILES = [
    (("truncated.tflite",), "'truncated.tflite' is truncated or corrupt"),
    (("random.tflite",), "'random.tflite' is truncated or corrupt"),
    (("whole.keras",), "'whole.keras' is not a .tflite file"),
    (("two\nlines.tflite",), r"no such file: 'two\nlines.tflite'"),
    (("empty folder",), "cannot read 'empty folder'"),
    (("whole.tflite", "--threads", "0"), "--threads must be 1"),
    (("whole.tflite", "--json", "whole.tflite"), "would destroy 'whole.tflite', which is read"),
    (("whole.tflite", "--json", "no/such/p.json"), "folder 'no/such' does not exist"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_PROFILES)
def test_profiles_of_bad_input(
    arguments: tuple[str, ...], says: str, here: Path, run_edgecnn: Any
) -> None:
    before = contents(here)
    outcome = run_edgecnn("profile", *arguments, cwd=here)
    assert_one_line(outcome, 2, says)
    assert outcome.stdout == ""
    assert contents(here) == before


def test_a_bad_source_leaves_the_others_and_json_stays_json(here: Path, run_edgecnn: Any) -> None:
    folder = here / "names"
    folder.mkdir()
    dashed, two_lines = "-a 'b' \"c\".keras", "two\nlines.keras"
    for name in (dashed, two_lines):
        (folder / name).write_bytes((here / "whole.keras").read_bytes())
    outcome = run_edgecnn(
        "convert", f"./{dashed}", "../flipped.keras", two_lines, "-q", "float32", "--json",
        cwd=folder,
    )  # fmt: skip
    assert_one_line(outcome, 2, "'../flipped.keras' is truncated or corrupt")
    files = json.loads(outcome.stdout)
    assert [file["source"] for file in files] == [dashed, two_lines]
    names = ["a_b_c_float32.tflite", "two_lines_float32.tflite"]
    assert [file["path"] for file in files] == names
    assert contents(folder) == sorted([dashed, two_lines, *names])
    bench = run_edgecnn("bench", *names, *QUICK, cwd=folder)
    assert bench.returncode == 0, bench.stderr


def keep_to_permissions() -> None:
    """Take root's power to pass over file permissions from this process and its children."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture()
def run_unprivileged(here: Path) -> Callable[..., Outcome]:
    """Run the command as a user to whom file permissions apply."""

    def run(*arguments: object) -> Outcome:
        return subprocess.run(
            [sys.executable, "-m", "edgecnn", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=here,
            preexec_fn=keep_to_permissions if os.geteuid() == 0 else None,
        )

    return run


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's capabilities as Linux has them")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("convert", "mobilenet_v2", "-o", "{closed}"), "no permission to write to folder"),
        (("convert", "mobilenet_v2", "-o", "{closed}/a.tflite"), "no permission to write"),
        (("convert", "mobilenet_v2", "-c", "{hidden}/x.npz"), "Permission denied"),
        (("convert", "{hidden}/a.keras"), "Permission denied"),
        (("convert", "{secret}"), "Permission denied"),
        (
            ("convert", "mobilenet_v2", "--weights", "{secret}", "-q", "float32"),
            "Permission denied",
        ),
        (("bench", "{hidden}/a.tflite"), "Permission denied"),
        (("bench", "whole.tflite", "--json", "{closed}/r.json"), "no permission to write"),
        (("sensitivity", "whole.keras", "--plot", "{closed}/a.png"), "no permission to write"),
        (("demo", "-o", "{closed}"), "no permission to write to folder"),
    ],
)
def test_no_permission(
    arguments: tuple[str, ...], says: str, tmp_path: Path, run_unprivileged: Any
) -> None:
    closed, hidden, secret = tmp_path / "closed", tmp_path / "hidden", tmp_path / "secret.keras"
    closed.mkdir(mode=0o555)
    hidden.mkdir(mode=0o000)
    secret.touch(mode=0o000)
    given = [text.format(closed=closed, hidden=hidden, secret=secret) for text in arguments]
    assert_one_line(run_unprivileged(*given), 2, says)
    assert contents(closed) == []


def examples(command: click.Command) -> list[list[str]]:
    lines = (command.help or "").partition("Example:")[2].splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_examples_in_help_parse(name: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name) if name else cli
    assert command is not None
    found = examples(command)
    assert found
    for program, called, *arguments in found:
        assert program == "edgecnn"
        assert not name or called == name
        other = cli.get_command(context, called)
        assert other is not None
        other.make_context(called, arguments)
