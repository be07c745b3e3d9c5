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

import edgecnn

pytestmark = pytest.mark.fresh_processes

ROOT = Path(__file__).resolve().parents[2]

OPTIONS = {
    "mixed": ("--recover", "off", "--max-drop", "5", "--task", "classes"),
    "recovered": ("--recover", "fast"),
}
"""What decides between int8 and float32 by cost, and what fits weights and biases to the images."""


@pytest.fixture(scope="module")
def source(fragile: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that an accuracy budget has to mix, and its images."""
    folder = tmp_path_factory.mktemp("source")
    fragile.save(folder / "fragile.keras")
    shutil.copy(pictures, folder / "pictures.npz")
    return folder


def converted(source: Path, folder: Path, name: str, *prefix: str, **environment: str) -> Path:
    """Convert with the options of a name, by the command, in an environment with more variables."""
    target = folder / f"{name}.tflite"
    done = subprocess.run(
        [
            *prefix, sys.executable, "-m", "edgecnn", "convert", str(source / "fragile.keras"),
            "--preprocess", "unit", "--calibrate", str(source / "pictures.npz"), "--samples", "20",
            *OPTIONS[name], "-o", str(target), "--json",
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
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return {name: converted(source, folder, name) for name in OPTIONS}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_busy_machine_makes_the_same_file(
    source: Path, undisturbed: dict[str, Path], tmp_path: Path, name: str
) -> None:
    with load():
        busy = converted(source, tmp_path, name)
    assert digest(busy) == digest(undisturbed[name])


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset")
def test_a_single_core_makes_the_same_file(
    source: Path, undisturbed: dict[str, Path], tmp_path: Path, name: str
) -> None:
    alone = converted(source, tmp_path, name, "taskset", "-c", "0")
    assert digest(alone) == digest(undisturbed[name])


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


def test_a_machine_on_which_int8_is_no_faster_makes_the_same_network(
    source: Path, undisturbed: dict[str, Path], avx2_alone: Path, tmp_path: Path
) -> None:
    other = converted(source, tmp_path, "mixed", LD_PRELOAD=str(avx2_alone))
    kept = ("layers_in_float", "bytes", "latency_over_int8", "latency_over_float32", "tries")
    found, wanted = budget_of(other), budget_of(undisturbed["mixed"])
    assert wanted["layers_in_float"]
    assert [found[name] for name in kept] == [wanted[name] for name in kept]
    # The golden sample that is packed behind it holds what that machine answered, to the last bit.
    files = [shutil.copy(path, tmp_path / f"{place}.tflite") for place, path in enumerate(
        (other, undisturbed["mixed"])
    )]  # fmt: skip
    for path in files:
        edgecnn.strip_metadata(path)
    assert len({digest(Path(path)) for path in files}) == 1
