"""Our files against the plain converter's of the same architectures in keras.applications.

    python benchmarks/models.py [--models mobilenet_v2,vgg16] [--schemes float32,int8] [--runs 50]
        [--folder KEPT]

Both files hold the same weights. The two run in one process on one thread, one inference of each
in turn; "ms" are medians, "ratio" is the median over the pairs of ours over theirs. Four processes
have a quarter of the runs each, because where memory happens to lie matters too. Ops and bytes are
those of the whole file. Keras' models are built without preprocessing where they can be.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from convert import PLAIN_SCRIPT, make_images, make_model, run
from rich.console import Console
from rich.table import Table

from edgecnn.models.registry import list_models
from edgecnn.models.spec import ModelSpec
from edgecnn.tflite.reading import read_model

PROCESSES = 4
CALIBRATION_IMAGES = 8
"""Ranges have no influence on the time: as few as are accepted."""

ALTERNATE = """
import json, sys, time, numpy as np
from ai_edge_litert.interpreter import Interpreter
paths, runs = sys.argv[1:3], int(sys.argv[3])
sides = [Interpreter(path, num_threads=1) for path in paths]
for side in sides:
    side.allocate_tensors()
    entry = side.get_input_details()[0]
    pixels = np.random.default_rng(0).integers(0, 256, entry["shape"])
    is_float = entry["dtype"] == np.float32
    image = pixels / 127.5 - 1 if is_float else pixels
    side.set_tensor(entry["index"], image.astype(entry["dtype"]))
times = [[], []]
for number in range(runs + 5):
    # Whoever comes second finds the caches as the other left them: the order changes.
    for index in (0, 1) if number % 2 else (1, 0):
        start = time.perf_counter()
        sides[index].invoke()
        times[index].append(time.perf_counter() - start)
print(json.dumps([seconds[5:] for seconds in times]))
"""


@dataclass(frozen=True)
class Pair:
    """One model in one scheme, ours first: seconds of each inference, ops, bytes."""

    model: str
    scheme: str
    seconds: list[list[float]]
    ops: tuple[dict[str, int], dict[str, int]]
    bytes: tuple[int, int]

    @property
    def ratio(self) -> float:
        """Median over the pairs of inferences of ours over theirs."""
        return statistics.median(a / b for a, b in zip(*self.seconds, strict=True))


def main() -> None:
    """Measure and print the table; exit 1 if a ratio is above its bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="")
    parser.add_argument("--schemes", default="float32,int8")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="keep files here; theirs are used again")
    options = parser.parse_args()
    names = [name for name in options.models.split(",") if name]
    specs = [s for s in list_models() if s.keras_name and (not names or s.name in names)]
    pairs = []
    for spec in specs:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (options.folder or Path(temporary)) / spec.name
            folder.mkdir(parents=True, exist_ok=True)
            for pair in measure(spec, options.schemes.split(","), options.runs, folder):
                pairs.append(pair)
                print(line(pair), file=sys.stderr, flush=True)
    show(pairs)
    sys.exit(any(pair.ratio > 1.02 for pair in pairs))


def measure(spec: ModelSpec, schemes: list[str], runs: int, folder: Path) -> list[Pair]:
    """Make both sides' files and run them in turn."""
    assert spec.keras_name is not None
    peer, images = folder / "peer.keras", folder / "images"
    if not peer.exists():
        make_model(spec.keras_name, spec.input.height, peer)
        make_images(images, CALIBRATION_IMAGES, spec.input.height)
    for scheme in schemes:
        target = folder / f"plain_{scheme}.tflite"
        if not target.exists():
            run([sys.executable, "-c", PLAIN_SCRIPT, str(peer), scheme, str(images), str(target)])
    command = [sys.executable, "-m", "edgecnn", "convert", spec.name, "-q", ",".join(schemes)]
    command += ["--weights", str(peer), "-o", str(folder), "--calibrate", str(images)]
    run([*command, "--samples", str(CALIBRATION_IMAGES)])
    return [compare(spec.name, scheme, runs, folder) for scheme in schemes]


def compare(name: str, scheme: str, runs: int, folder: Path) -> Pair:
    """Run ours and theirs in turn."""
    paths = (folder / f"{name}_{scheme}.tflite", folder / f"plain_{scheme}.tflite")
    seconds: list[list[float]] = [[], []]
    for number in range(PROCESSES):
        # Who is loaded first changes too.
        order = 1 if number % 2 else -1
        command = [sys.executable, "-c", ALTERNATE, *map(str, paths[::order])]
        command.append(str(math.ceil(runs / PROCESSES)))
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        for side, times in zip(seconds, json.loads(output)[::order], strict=True):
            side += times
    ours, theirs = (read_model(path).op_counts for path in paths)
    sizes = (paths[0].stat().st_size, paths[1].stat().st_size)
    return Pair(name, scheme, seconds, (ours, theirs), sizes)


def line(pair: Pair) -> str:
    """Say where the ops of the two files differ."""
    ours, theirs = pair.ops
    kinds = sorted({*ours, *theirs})
    differences = {
        kind: f"{ours.get(kind, 0)}/{theirs.get(kind, 0)}"
        for kind in kinds
        if ours.get(kind) != theirs.get(kind)
    }
    return f"{pair.model} {pair.scheme} {pair.ratio:.3f} {pair.bytes} {differences}"


def show(pairs: list[Pair]) -> None:
    """Print medians and ratios, and their geometric means."""
    headings = ("model", "scheme", "ms", "plain", "ratio", "ops", "plain", "KiB", "plain")
    table = Table(*headings, box=None)
    for pair in pairs:
        milliseconds = (f"{1000 * statistics.median(side):.2f}" for side in pair.seconds)
        ops = (str(sum(side.values())) for side in pair.ops)
        sizes = (f"{size / 1024:,.0f}" for size in pair.bytes)
        table.add_row(pair.model, pair.scheme, *milliseconds, f"{pair.ratio:.3f}", *ops, *sizes)
    Console(width=100).print(table)
    for scheme in dict.fromkeys(pair.scheme for pair in pairs):
        ratios = [pair.ratio for pair in pairs if pair.scheme == scheme]
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(f"{scheme}: geometric mean of the ratios {mean:.3f}, the greatest {max(ratios):.3f}")


if __name__ == "__main__":
    main()
