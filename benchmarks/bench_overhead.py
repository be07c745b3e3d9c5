"""Our p50 against litert-benchmark's median, on the same file, taking turns.

litert-benchmark comes with ai-edge-litert; it times CompiledModel calls from Python and rounds to
0.01 ms. Both get the same number of warm-up and timed calls and of threads. A round runs one right
after the other, the order changing, so that the machine's drift meets both; the median over the
rounds of ours / theirs decides. Its quartiles say how far this machine was quiet enough to tell.

Example:
    python benchmarks/bench_overhead.py model_float32.tflite model_int8.tflite --rounds 10
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import edgecnn

LIMIT_PERCENT = 3.0


def our_p50_ms(model: str, runs: int, threads: int) -> float:
    """Measure with edgecnn."""
    record = edgecnn.bench(model, runs=runs, min_time_s=0, warmup=5, threads=(threads,))[0]
    return record.latency_p50_ms


def their_p50_ms(model: str, runs: int, threads: int) -> float:
    """Measure with litert-benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "ai_edge_litert.tools.benchmark_litert_model",
                f"--model={model}",
                f"--num_runs={runs}",
                "--warmup_runs=5",
                f"--num_threads={threads}",
                f"--result_json={result}",
            ],
            check=True,
            capture_output=True,
        )
        median: float = json.loads(result.read_text())["latency"]["median_ms"]
    return median


def compare(model: str, rounds: int, runs: int, threads: int) -> float:
    """Print one line about a model and return by how many percent we differ, positive if slower."""
    ours, theirs = [], []
    for number in range(rounds):
        pairs = [(our_p50_ms, ours), (their_p50_ms, theirs)]
        for measure, results in pairs if number % 2 else reversed(pairs):
            results.append(measure(model, runs, threads))
    percents = [100 * (mine / other - 1) for mine, other in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(percents, n=4, method="inclusive")
    mine, other = statistics.median(ours), statistics.median(theirs)
    quartiles = f"{low:+.1f} .. {high:+.1f} %"
    print(f"{Path(model).name:40} {mine:11.3f} {other:16.3f} {middle:+8.1f} %  {quartiles:>17}")
    return middle


def main() -> int:
    """Compare all models; exit 1 if one differs by more than the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+", help=".tflite files")
    parser.add_argument("--rounds", type=int, default=20, help="2 or more")
    parser.add_argument("--runs", type=int, default=200, help="timed calls a round")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    heads = ("model", "edgecnn ms", "litert-bench ms", "differs", "quartiles")
    print("{:40} {:>11} {:>16} {:>10}  {:>17}".format(*heads))
    differences = [
        compare(model, options.rounds, options.runs, options.threads) for model in options.models
    ]
    worst = max(map(abs, differences))
    print(f"largest difference {worst:.1f} %, limit {LIMIT_PERCENT:.0f} %")
    return 0 if worst <= LIMIT_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
