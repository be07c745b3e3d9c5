"""Our p50 against litert-benchmark's median, on the same file, taking turns.

litert-benchmark comes with ai-edge-litert; it times CompiledModel calls from Python and rounds to
0.01 ms. Both get the same number of warm-up and timed calls and of threads. Each round runs one
after the other, the order changing, so that drift of the machine meets both. What else runs on the
machine only ever adds time, so the least p50 of the rounds counts; the rounds' median is shown too.

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
    """Print two lines about a model and return by how many percent our least p50 differs."""
    ours, theirs = [], []
    for number in range(rounds):
        pairs = [(our_p50_ms, ours), (their_p50_ms, theirs)]
        for measure, results in pairs if number % 2 else reversed(pairs):
            results.append(measure(model, runs, threads))
    medians = statistics.median(ours), statistics.median(theirs)
    for what, (mine, other) in {"least": (min(ours), min(theirs)), "median": medians}.items():
        percent = 100 * (mine / other - 1)
        print(f"{Path(model).name:40} {what:7} {mine:11.3f} {other:16.3f} {percent:+8.1f} %")
    return 100 * (min(ours) / min(theirs) - 1)


def main() -> int:
    """Compare all models; exit 1 if one differs by more than the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+", help=".tflite files")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=200, help="timed calls a round")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    heads = ("model", "p50", "edgecnn ms", "litert-bench ms", "differs")
    print("{:40} {:7} {:>11} {:>16} {:>10}".format(*heads))
    differences = [
        compare(model, options.rounds, options.runs, options.threads) for model in options.models
    ]
    worst = max(map(abs, differences))
    print(f"largest difference of the least p50: {worst:.1f} %, limit {LIMIT_PERCENT:.0f} %")
    return 0 if worst <= LIMIT_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
