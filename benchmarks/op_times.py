"""Where a ``.tflite`` file's latency goes: each op timed as a model of its own, summed by kind.

    python benchmarks/op_times.py FILE... [--runs 30]

The runtime's Python package has no profiler. An op that is cut out keeps its kernel and its
tensors' quantisation, but finds its input in the cache and costs a call: the time of the cheapest
op is taken off each as that. The sum is printed beside the latency of the whole, to judge by. Ops
whose shape comes from another op cannot run alone; they count as nothing.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from rich.console import Console
from rich.table import Table

from edgecnn.tflite.reading import read_model
from edgecnn.tflite.writing import pack, unpack


def main() -> None:
    """Print one table a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    for path in options.files:
        show(path, options.runs)


def show(path: Path, runs: int) -> None:
    """Time a file's ops and the whole, and print the shares."""
    kinds = [op.name for op in read_model(path).operators]
    content = path.read_bytes()
    times = [seconds(part, runs) for part in parts(content)]
    call = min(spent for spent in times if spent)
    sums: dict[str, float] = defaultdict(float)
    for kind, spent in zip(kinds, times, strict=True):
        sums[kind] += max(0.0, spent - call)
    total = sum(sums.values())
    table = Table("op", "count", "ms", "share", box=None)
    for kind, spent in sorted(sums.items(), key=lambda item: -item[1]):
        table.add_row(kind, str(Counter(kinds)[kind]), f"{1e3 * spent:.3f}", f"{spent / total:.1%}")
    print(path.name)
    Console(width=80, file=sys.stdout).print(table)
    whole = 1e3 * seconds(content, runs)
    print(f"sum {1e3 * total:.2f} ms, whole {whole:.2f} ms, a call {1e6 * call:.0f} us\n")


def parts(content: bytes) -> list[bytes]:
    """Return each op as a model of its own, with the constants that it reads."""
    model = unpack(content)
    model.metadata, model.signatureDefs = [], []
    graph, buffers = model.subgraphs[0], model.buffers
    tensors, operators = graph.tensors, graph.operators
    found = []
    for op in operators:
        used = list(dict.fromkeys(int(t) for t in (*op.inputs, *op.outputs) if t >= 0))
        place = {old: new for new, old in enumerate(used)} | {-1: -1}
        graph.tensors = [copy.copy(tensors[old]) for old in used]
        model.buffers = [buffers[0], *(buffers[tensors[old].buffer] for old in used)]
        for number, tensor in enumerate(graph.tensors, 1):
            tensor.buffer = number
        cut = copy.copy(op)
        cut.inputs = np.array([place[int(t)] for t in op.inputs], np.int32)
        cut.outputs = np.array([place[int(t)] for t in op.outputs], np.int32)
        graph.operators = [cut]
        graph.inputs = np.array([t for t in cut.inputs if is_variable(model, t)], np.int32)
        graph.outputs = cut.outputs
        found.append(pack(model, 1 << 16))
    return found


def is_variable(model: Any, tensor: int) -> bool:
    """Whether a tensor's values come from outside."""
    if tensor < 0:
        return False
    data = model.buffers[model.subgraphs[0].tensors[tensor].buffer].data
    return data is None or len(data) == 0


def seconds(content: bytes, runs: int) -> float:
    """Return the least time of one inference on one thread; 0 if it does not run.

    The least of them is what other work on the machine adds nothing to.
    """
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    generator = np.random.default_rng(0)
    for entry in interpreter.get_input_details():
        is_float = np.issubdtype(entry["dtype"], np.floating)
        low, high = (-1, 1) if is_float else (np.iinfo(entry["dtype"]).min // 2, 100)
        values = generator.uniform(low, high, entry["shape"])
        interpreter.set_tensor(entry["index"], values.astype(entry["dtype"]))
    times = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        try:
            interpreter.invoke()
        except RuntimeError:
            return 0.0
        times.append(time.perf_counter() - start)
    return min(times[3:])


if __name__ == "__main__":
    main()
