"""Whether the ops' times add up to the whole: ``python benchmarks/profile_sum.py FILE...``.

Profiles each file and prints the sum of its ops beside the latency of the whole, both medians of
the same rounds. With ``--native`` each convolution, depthwise convolution and dense layer is held
to the time that the runtime's own profiler gives it inside of the network: LiteRT's C API has one,
which the Python package neither documents nor wraps. Close other programs first.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import edgecnn
from edgecnn.profiling.result import Profile

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
EVENTS = ("Convolution", "Fully Connected", *WEIGHTED)
"""How the profiler calls what WEIGHTED ops became, those of XNNPACK and others."""

OPERATOR_EVENTS = (2, 8)
"""LiteRtProfilerEventType: an op of the runtime's own, and one of a delegate."""

RUNS = 50

NOTHING = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda address: None)


def main() -> None:
    """Print a row a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--native", action="store_true", help="Beside the runtime's own profiler.")
    options = parser.parse_args()
    table = Table("file", "ops", "sum ms", "whole ms", "with waiting", "ratio", "seconds", box=None)
    if options.native:
        table.add_column("off the runtime's profiler")
    for path in options.files:
        profile = edgecnn.profile(path, threads=options.threads)
        cells = [path.name, str(len(profile.ops)), *sums(profile), f"{profile.seconds:.0f}"]
        if options.native:
            cells.append(difference(profile, native_us(path, options.threads)))
        table.add_row(*cells)
    Console(width=140, file=sys.stdout).print(table)


def sums(profile: Profile) -> list[str]:
    """Return the sum, the whole without and with waiting for a CPU, and the first two's ratio."""
    assert profile.ops_ms is not None
    assert profile.running_p50_ms is not None
    assert profile.latency_p50_ms is not None
    ratio = profile.ops_ms / profile.running_p50_ms
    times = (profile.ops_ms, profile.running_p50_ms, profile.latency_p50_ms)
    return [*(f"{time:.2f}" for time in times), f"{ratio:.3f}"]


def difference(profile: Profile, native: list[float]) -> str:
    """Return the mean difference of weighted ops, weighted by time, and that of their sums."""
    ours = [1000 * (op.time_ms or 0.0) for op in profile.ops if op.kind in WEIGHTED]
    if len(ours) != len(native):
        return f"{len(native)} events for {len(ours)} ops"
    each = sum(abs(mine - theirs) for mine, theirs in zip(ours, native, strict=True))
    total = sum(native)
    return f"{100 * each / total:.1f} % an op, {100 * (sum(ours) / total - 1):+.1f} % in all"


def native_us(path: Path, threads: int) -> list[float]:
    """Return the microseconds of each weighted op inside of the network, in order."""
    runs = Native(path, threads).runs(RUNS)
    return [statistics.median(times) for times in zip(*runs, strict=True)]


class Memory(ctypes.Structure):
    """LiteRtMemoryUsage."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("total", "in_use", "private")]


class Event(ctypes.Structure):
    """ProfiledEventData of litert/c/litert_profiler_event.h."""

    _fields_ = [
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", 2 * Memory),
        ("metadata", 2 * ctypes.c_uint64),
        ("source", ctypes.c_int),
    ]


class Native:
    """A file compiled by LiteRT's C API with its profiler on.

    Args:
        path: The file.
        threads: Of the runtime.
    """

    def __init__(self, path: Path, threads: int) -> None:
        import ai_edge_litert

        self._library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).parent / "libLiteRt.so"))
        self._environment = self._made("LiteRtCreateEnvironment", 0, None)
        self._file = self._made("LiteRtCreateModelFromFile", self._environment, str(path).encode())
        options = self._made("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, 1)  # the CPU
        self._kept = [
            self._add(options, b"runtime_options_string", b"enable_profiling = true\n"),
            self._add(options, b"cpu_options_string", f"num_threads = {threads}\n".encode()),
        ]
        self._model = self._made(
            "LiteRtCreateCompiledModel", self._environment, self._file, options
        )
        self._profiler = self._made("LiteRtCompiledModelGetProfiler", self._model)
        self._buffers = [self._tensors(end) for end in ("Input", "Output")]

    def runs(self, count: int) -> list[list[int]]:
        """Run several times and return the weighted ops' microseconds of each run."""
        for _ in range(5):
            self._run()
        return [self._profiled() for _ in range(count)]

    def _profiled(self) -> list[int]:
        self._call("LiteRtResetProfiler", self._profiler)
        self._call("LiteRtStartProfiler", self._profiler)
        self._run()
        self._call("LiteRtStopProfiler", self._profiler)
        count = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(count))
        events = (Event * count.value)()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        return [
            event.elapsed_us
            for event in events
            if event.kind in OPERATOR_EVENTS and (event.tag or b"").decode().startswith(EVENTS)
        ]

    def _run(self) -> None:
        ends: list[Any] = []
        for buffers in self._buffers:
            array = (ctypes.c_void_p * len(buffers))(*(buffer.value for buffer in buffers))
            ends += [ctypes.c_size_t(len(buffers)), array]
        self._call("LiteRtRunCompiledModel", self._model, ctypes.c_size_t(0), *ends)

    def _tensors(self, end: str) -> list[ctypes.c_void_p]:
        first = ctypes.c_size_t(0)
        signature = self._made("LiteRtGetModelSignature", self._file, first)
        count = ctypes.c_size_t()
        self._call(f"LiteRtGetNumSignature{end}s", signature, ctypes.byref(count))
        found = []
        for number in map(ctypes.c_size_t, range(count.value)):
            tensor = self._made(f"LiteRtGetSignature{end}TensorByIndex", signature, number)
            form = ctypes.create_string_buffer(512)  # LiteRtRankedTensorType, passed on unread
            self._call("LiteRtGetRankedTensorType", tensor, form)
            needed = self._made(
                f"LiteRtGetCompiledModel{end}BufferRequirements", self._model, first, number
            )
            name = "LiteRtCreateManagedTensorBufferFromRequirements"
            found.append(self._made(name, self._environment, form, needed))
        return found

    def _add(self, options: ctypes.c_void_p, name: bytes, text: bytes) -> tuple[Any, ...]:
        # The text stays ours: who is given it is told to free it by doing nothing.
        kept = name, ctypes.create_string_buffer(text), NOTHING
        self._call(
            "LiteRtAddOpaqueOptions", options, self._made("LiteRtCreateOpaqueOptions", *kept)
        )
        return kept

    def _made(self, function: str, *arguments: Any) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._call(function, *arguments, ctypes.byref(handle))
        return handle

    def _call(self, function: str, *arguments: Any) -> None:
        status = getattr(self._library, function)(*arguments)
        if status:
            raise SystemExit(f"{function}: status {status}")


if __name__ == "__main__":
    main()
