"""The tables of what ops cost on a kind of CPU (``tflite/target_cpu.py``), and their errors.

    python benchmarks/cost_tables.py arm64                  from published latencies
    python benchmarks/cost_tables.py here                   from latencies measured on this machine
    python benchmarks/cost_tables.py here --hide-avx512     the same, as on an AVX2 machine

A table has four numbers: the time of a multiply-add and of writing one value, in float32 and int8.
They are fitted to the latencies of whole networks, so that the error relative to each is least; a
source of latencies (a device and its runtime) has a speed of its own, of which nothing is kept but
for the first. Multiply-adds and values are counted in files that ``edgecnn.convert`` makes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgecnn
from edgecnn.tflite.cost import multiply_adds
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.target_cpu import computes_in_int8

Network = tuple[str, float, int]
"""Architecture, width multiplier, side of the image in pixels."""

V1_SIDES = (128, 160, 192, 224)
V1_WIDTHS = (0.25, 0.5, 0.75, 1.0)


def v1_grid(milliseconds: Sequence[float]) -> dict[Network, float]:
    """Give MobileNet v1's latencies, ordered by width and then by side, their networks."""
    names = [("mobilenet_v1", width, side) for width in V1_WIDTHS for side in V1_SIDES]
    return dict(zip(names, milliseconds, strict=True))


V2, V3_LARGE, V3_SMALL = (
    (name, 1.0, 224) for name in ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small")
)
V1 = ("mobilenet_v1", 1.0, 224)

PUBLISHED: dict[str, dict[str, dict[Network, float]]] = {
    # XNNPACK's README, "Raspberry Pi": RPi 4 (BCM2711, ARM64), multi-threaded, 8 February 2022.
    "Raspberry Pi 4, XNNPACK": {
        "float32": {V1: 77, V2: 46, V3_LARGE: 40, V3_SMALL: 15},
        "int8": {V1: 24, V2: 17},
    },
    # TensorFlow Lite's "Hosted models": Pixel 3, Android 10, CPU, 4 threads.
    "Pixel 3, TensorFlow Lite": {
        "float32": {
            **v1_grid([1.2, 1.7, 2.4, 3.3, 3, 4.4, 6, 7.9, 5.5, 8.2, 11, 14.6, 9, 13.4, 18.1, 24]),
            V2: 17.5,
        },
        "int8": {
            **v1_grid(
                [0.8, 1.3, 1.8, 2.3, 1.7, 2.6, 3.6, 4.7, 3.1, 4.7, 6.4, 8.5, 4.8, 7.3, 9.9, 13]
            ),
            V2: 12,
        },
    },
}  # fmt: skip

MEASURED: tuple[Network, ...] = (
    *(("mobilenet_v1", width, 224) for width in V1_WIDTHS),
    V2, V3_LARGE, V3_SMALL, ("resnet18", 1.0, 224), ("efficientnet_lite0", 1.0, 224),
)  # fmt: skip
ROUNDS = 40
NUMBERS = ("float32", "int8")


@dataclass(frozen=True)
class Latency:
    """A network's latency in one type of numbers, and what its file has to do.

    Args:
        source: Where it was measured.
        name: Of the network.
        milliseconds: Of one inference.
        work: Multiply-adds and values in float32, then in int8, in millions, shape (4,).
    """

    source: str
    name: str
    milliseconds: float
    work: np.ndarray[Any, Any]


def main() -> None:
    """Print a table and its errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cpu", choices=("arm64", "here"))
    parser.add_argument("--hide-avx512", action="store_true")
    options = parser.parse_args()
    if options.hide_avx512:
        run_without_avx512()
    with tempfile.TemporaryDirectory() as folder:
        latencies = list((published if options.cpu == "arm64" else measured)(Path(folder)))
    show(latencies, *fit(latencies))


def run_without_avx512() -> None:
    """Build the library that hides AVX-512 and start this program anew with it."""
    library = Path(tempfile.mkdtemp()) / "hide_avx512.so"
    source = Path(__file__).with_suffix("").with_name("hide_avx512.c")
    compiled = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(compiled, check=True)
    again = [argument for argument in sys.argv if argument != "--hide-avx512"]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    os.execve(sys.executable, [sys.executable, *again], environment)


def converted(network: Network, numbers: str, folder: Path) -> Path:
    """Return the file of a network, made with random weights."""
    name, width, side = network
    path = folder / f"{name}_{width:g}_{side}_{numbers}.tflite"
    if not path.exists():
        edgecnn.convert(name, alpha=width, size=side, quantize=numbers, recover="off", output=path)
    return path


def published(folder: Path) -> Iterator[Latency]:
    """Yield the published latencies."""
    for source, by_numbers in PUBLISHED.items():
        for numbers, by_network in by_numbers.items():
            for network, milliseconds in by_network.items():
                path = converted(network, numbers, folder)
                yield Latency(source, path.stem, milliseconds, work_of(path))


def measured(folder: Path) -> Iterator[Latency]:
    """Measure latencies here: all networks in turn on one thread, the fastest inference of each."""
    paths = [converted(network, numbers, folder) for network in MEASURED for numbers in NUMBERS]
    runners = [loaded(path) for path in paths]
    best = [float("inf")] * len(runners)
    for _ in range(ROUNDS):
        for place, runner in enumerate(runners):
            start = time.thread_time()
            runner.invoke()
            best[place] = min(best[place], time.thread_time() - start)
    for path, seconds in zip(paths, best, strict=True):
        yield Latency("here", path.stem, 1e3 * seconds, work_of(path))


def loaded(path: Path) -> Any:
    """Return an interpreter on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def work_of(path: Path) -> np.ndarray[Any, Any]:
    """Count a file's multiply-adds and values by type, in millions."""
    work = np.zeros(4)
    for op in read_model(path).operators:
        if not op.traits.reshapes:
            place = 2 if computes_in_int8(op) else 0
            work[place : place + 2] += multiply_adds(op), op.outputs[0].elements
    return work / 1e6


def fit(latencies: Sequence[Latency]) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
    """Fit the four costs, and each source's speed, by the least relative error.

    Each source weighs the same, whatever the number of its latencies.

    Returns:
        The costs in nanoseconds at the first source's speed, and the others' times over its.
    """
    work = np.stack([latency.work for latency in latencies])
    times = np.asarray([latency.milliseconds for latency in latencies])
    sources = list(dict.fromkeys(latency.source for latency in latencies))
    members = np.asarray([sources.index(latency.source) for latency in latencies])
    weights = 1 / np.sqrt(np.bincount(members)[members])

    def errors(parameters: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        costs, speeds = np.exp(parameters[:4]), np.append(0.0, parameters[4:])
        return np.asarray((np.log(work @ costs / times) + speeds[members]) * weights)

    parameters = np.append(np.log([0.1, 2.0, 0.05, 1.0]), np.zeros(len(sources) - 1))
    for _ in range(200):
        now = errors(parameters)
        steps = np.eye(len(parameters)) * 1e-5
        slopes = np.stack([(errors(parameters + step) - now) / 1e-5 for step in steps], axis=1)
        parameters += 0.5 * np.linalg.lstsq(slopes, -now, rcond=None)[0]
    speeds = dict(zip(sources, np.exp(np.append(0.0, parameters[4:])), strict=True))
    return np.exp(parameters[:4]), speeds


def show(
    latencies: Sequence[Latency], costs: np.ndarray[Any, Any], speeds: dict[str, float]
) -> None:
    """Print the costs, and each latency beside what they predict."""
    print(
        f"float32: {costs[0]:.4f} ns a multiply-add, {costs[1]:.3f} ns a value\n"
        f"int8:    {costs[2]:.4f} ns a multiply-add, {costs[3]:.3f} ns a value\n"
    )
    for latency in latencies:
        estimate = float(latency.work @ costs * speeds[latency.source])
        print(
            f"{latency.source}: {latency.name}: {latency.milliseconds:.2f} ms, estimated "
            f"{estimate:.2f} ({estimate / latency.milliseconds:.2f}x)"
        )


if __name__ == "__main__":
    main()
