"""A file does not depend on the machine that made it: not on its speed, its cores or its load."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.fresh_processes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def source(fragile: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that an accuracy budget has to mix, and its images."""
    folder = tmp_path_factory.mktemp("source")
    fragile.save(folder / "fragile.keras")
    shutil.copy(pictures, folder / "pictures.npz")
    return folder


def converted(source: Path, target: Path, *prefix: str, **environment: str) -> Path:
    """Convert within a budget by the command, in an environment with more variables."""
    done = subprocess.run(
        [
            *prefix, sys.executable, "-m", "edgecnn", "convert", str(source / "fragile.keras"),
            "--preprocess", "unit", "--calibrate", str(source / "pictures.npz"), "--samples", "20",
            "--recover", "off", "--max-drop", "5", "-o", str(target), "--json",
        ],
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    target.with_suffix(".json").write_text(done.stdout)
    return target


def budget_of(path: Path) -> dict[str, Any]:
    (result,) = json.loads(path.with_suffix(".json").read_text())
    budget: dict[str, Any] = result["budget"]
    return budget


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def load() -> Iterator[None]:
    """Keep each core twice as busy as it can be."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(2 * (os.cpu_count() or 1))
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(source, tmp_path_factory.mktemp("undisturbed") / "fragile.tflite")


def test_a_busy_machine_makes_the_same_file(
    source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    assert budget_of(undisturbed)["layers_in_float"]
    with load():
        busy = converted(source, tmp_path / "fragile.tflite")
    assert digest(busy) == digest(undisturbed)


@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset")
def test_a_single_core_makes_the_same_file(source: Path, undisturbed: Path, tmp_path: Path) -> None:
    alone = converted(source, tmp_path / "fragile.tflite", "taskset", "-c", "0")
    assert digest(alone) == digest(undisturbed)


@pytest.fixture(scope="module")
def avx2_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that hides AVX-512 and VNNI, where the CPU lets itself be asked for less."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if "cpuid_fault" not in flags or "avx512" not in flags:
        pytest.skip("needs a CPU with AVX-512 that traps CPUID")
    compiler = shutil.which("cc") or pytest.skip("needs a C compiler")
    library = tmp_path_factory.mktemp("library") / "hide_avx512.so"
    source = ROOT / "benchmarks" / "hide_avx512.c"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def test_a_machine_on_which_int8_is_no_faster_takes_the_same_decision(
    source: Path, undisturbed: Path, avx2_alone: Path, tmp_path: Path
) -> None:
    other = converted(source, tmp_path / "fragile.tflite", LD_PRELOAD=str(avx2_alone))
    kept = ("layers_in_float", "bytes", "latency_over_int8", "latency_over_float32", "tries")
    found, wanted = budget_of(other), budget_of(undisturbed)
    assert [found[name] for name in kept] == [wanted[name] for name in kept]
