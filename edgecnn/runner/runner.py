"""Runs one ``.tflite`` model on the device it stands on, and answers in JSON lines.

This file is copied to devices and started by its path, so it imports the standard library, numpy
and a TFLite runtime only, and runs on Python 3.9. A request is one JSON object a line on standard
input, ``{"do": VERB, ...}``; each gets one answer ``{"event": ...}`` on standard output, after any
number of ``progress`` events. A line with ``"payload_bytes"`` is followed by that many raw bytes,
with ``"compressed"`` by zlib; empty lines say that the other side is alive, and have no answer.

========  ===========================================  ============================================
verb      takes                                        answers
========  ===========================================  ============================================
facts     nothing                                      what it runs on: board, cpu, memory, system
health    idle_s                                       clocks, heat, throttling, load, as raw text
load      model (path), threads, input_range, cpus     runtime, load_ms, inputs, outputs
check     a payload: the input tensor (optional)       whether each output is finite
warm      calls, max_s                                 first_inference_ms, calls, steady
time      settle, runs, min_time_s, max_samples        samples_ns, waited_ns, counters, clocks
power     seconds, busy                                readings of a power meter, calls, elapsed_s
memory    nothing                                      base_rss_bytes, peak_rss_bytes
classify  count, top_k, outputs, has_levels; payload:  top_k class indices of each tensor
          the tensors, or levels and pixels
========  ===========================================  ============================================

Errors are ``{"event": "error", "kind": "input" or "failed", "message": one line}``.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from statistics import median
from typing import Any

try:
    import resource
except ImportError:  # Windows counts other things.
    resource = None  # type: ignore[assignment]

Message = dict[str, Any]

RUNTIMES = (
    ("ai-edge-litert", "ai_edge_litert.interpreter"),
    ("tflite-runtime", "tflite_runtime.interpreter"),
)
"""Distribution and module, the preferred first; tensorflow.lite's is deprecated and never used."""

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PROGRESS_EVERY_NS = 200_000_000
SEED = 0
NS_PER_MS = 1e6
NS_PER_S = 1e9
WARM_WINDOW_S = 0.05  # as long as a governor takes to see that there is work
WARM_WINDOW_CALLS = 3
WARM_CHANGE = 0.02  # between the medians of two windows; more is still getting warm
CLOCK_READINGS = 1000
PROGRAM_TIMEOUT_S = 3.0  # vcgencmd and dpkg take milliseconds; a firmware that hangs must not wait
POWER_EVERY_S = 0.25
CPU = "/sys/devices/system/cpu"
DEVICE_TREE = "/proc/device-tree"


class InputProblem(Exception):
    """What the user gave cannot be used; reported as kind ``input``."""


class Pipe:
    """The parent's messages in, ours out.

    Standard output is handed to standard error first, so that what the native runtime prints
    cannot get between two messages.
    """

    def __init__(self) -> None:
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._input = os.fdopen(os.dup(0), "rb")

    def receive(self) -> Message | None:
        """Return the next request, its raw bytes under ``payload``; None at the end."""
        line = b"\n"
        while line == b"\n":
            line = self._input.readline()
        if not line:
            return None
        message: Message = json.loads(line)
        if "payload_bytes" in message:
            payload = self._input.read(message["payload_bytes"])
            message["payload"] = zlib.decompress(payload) if "compressed" in message else payload
        return message

    def send(self, message: Message, payload: bytes | None = None) -> None:
        """Write one message, and the raw bytes that belong to it."""
        if payload is not None:
            message = {**message, "payload_bytes": len(payload)}
        self._output.write(json.dumps(message).encode() + b"\n")
        if payload is not None:
            self._output.write(payload)
        self._output.flush()


class Runtime:
    """The TFLite runtime of this device: its name, version and Interpreter class."""

    def __init__(self) -> None:
        failures = []
        for self.name, module in RUNTIMES:
            try:
                if self.name == "tflite-runtime":
                    refuse_numpy_2()
                self.interpreter = import_module(module).Interpreter
            except ImportError as error:
                failures.append(f"{self.name}: {first_line(error)}")
                continue
            self.version = version_of(self.name)
            return
        raise RuntimeError(
            "no TFLite runtime: pip install ai-edge-litert, or on 32-bit Arm tflite-runtime "
            f"({'; '.join(failures)})"
        )


def refuse_numpy_2() -> None:
    """Raise where tflite-runtime would import well and then fail inside of its interpreter."""
    import_module("tflite_runtime")
    import numpy as np

    if int(np.__version__.split(".")[0]) >= 2:
        raise RuntimeError(
            f"tflite-runtime works with numpy 1 only, and this is numpy {np.__version__}: "
            "pip install 'numpy<2'"
        )


class Runner:
    """The verbs, and the one model that is loaded."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._runtime: Runtime | None = None
        self._model: Any = None
        self._input_range: tuple[float, float] | None = None
        self._threads = 1
        self._base_rss_bytes: int | None = None
        self._peak_rss_bytes: int | None = None
        self._first_ms: float | None = None
        self.verbs: dict[str, Callable[[Message], None]] = {
            "facts": self.facts,
            "health": self.health,
            "load": self.load,
            "check": self.check,
            "warm": self.warm,
            "time": self.time,
            "power": self.power,
            "memory": self.memory,
            "classify": self.classify,
        }

    def import_runtime(self) -> None:
        """Import the runtime while no request waits; a failure is reported by ``load``."""
        try:
            self._runtime = Runtime()
        except RuntimeError:
            self._runtime = None

    def facts(self, request: Message) -> None:
        """Say what this runs on."""
        self._pipe.send({"event": "facts", **host_facts()})

    def health(self, request: Message) -> None:
        """Say how the device is just now; what other processes do is seen while this one waits."""
        self._pipe.send({"event": "health", **host_health(request["idle_s"])})

    def load(self, request: Message) -> None:
        """Make the interpreter and its tensors; the runtime packs float weights here."""
        pin(request.get("cpus"))
        self._runtime = self._runtime or Runtime()
        self._first_ms = self._peak_rss_bytes = None
        self._input_range = request.get("input_range")
        self._threads = int(request.get("threads", 1))
        self._base_rss_bytes = status_bytes("VmRSS")
        begin = time.perf_counter_ns()
        try:
            self._model = self._runtime.interpreter(
                model_path=request["model"], num_threads=self._threads
            )
            self._model.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = first_line(error)
            raise InputProblem(f"{self._runtime.name} cannot load it: {reason}") from error
        load_ms = (time.perf_counter_ns() - begin) / NS_PER_MS
        self._pipe.send(
            {
                "event": "loaded",
                "runtime": self._runtime.name,
                "runtime_version": self._runtime.version,
                "python": platform.python_version(),
                "load_ms": load_ms,
                "inputs": [describe(detail) for detail in self._model.get_input_details()],
                "outputs": [describe(detail) for detail in self._model.get_output_details()],
            }
        )

    def check(self, request: Message) -> None:
        """Run once, on the payload or on generated input, and look at the outputs."""
        import numpy as np

        self._fill_inputs(request.get("payload"))
        self._invoke()
        outputs = []
        for detail in self._model.get_output_details():
            value = np.asarray(self._model.get_tensor(detail["index"]), np.float64)
            outputs.append({**describe(detail), "finite": bool(np.isfinite(value).all())})
        self._pipe.send({"event": "checked", "outputs": outputs})

    def warm(self, request: Message) -> None:
        """Run so many calls before the timed ones, or without a number until they are steady.

        Steady means that the medians of two windows in a row are alike. Where they never are, as
        on a device that does other things too, it ends after ``max_s``.
        """
        self._fill_inputs(None)
        self._invoke()
        calls, steady = request["calls"], None
        if calls is None:
            calls, steady = self._warm_until_steady(request["max_s"])
        else:
            for _ in range(calls):
                self._invoke()
        answer = {"first_inference_ms": self._first_ms, "calls": calls, "steady": steady}
        self._pipe.send({"event": "warmed", **answer})

    def time(self, request: Message) -> None:
        """Time single calls: at least ``runs``, and for ``min_time_s``."""
        self._fill_inputs(None)
        for _ in range(request["settle"]):
            self._invoke()
        clocks, before = Clocks(), counters()
        samples, waited = self._samples(
            request["runs"], request["min_time_s"], request["max_samples"], clocks
        )
        after = counters()
        clocks.look()
        # Before the answer is made, whose text may be larger than a small model.
        self._peak_rss_bytes = self._peak_rss_bytes or status_bytes("VmHWM")
        answer: Message = {"samples_ns": samples.tolist(), "waited_ns": waited.tolist()}
        answer.update(counters=[before, after], clocks_khz=clocks.looks, **clock_costs())
        self._pipe.send({"event": "timed", **answer})

    def power(self, request: Message) -> None:
        """Read the power meter while the model runs, or nothing does; no readings: no meter."""
        has_meter, meter, calls = read_power() is not None, PowerMeter(), 0
        begin = now = time.monotonic()
        if has_meter:
            meter.start()
            least = begin + request["seconds"]
            try:
                # Longer where a reading takes long, so that there is one.
                while now < least or (not meter.readings and now < least + PROGRAM_TIMEOUT_S):
                    self._invoke() if request["busy"] else time.sleep(POWER_EVERY_S)
                    calls, now = calls + 1, time.monotonic()
            finally:
                meter.finish()
        answer = {"readings": meter.readings, "calls": calls, "elapsed_s": now - begin}
        self._pipe.send({"event": "power", **answer})

    def memory(self, request: Message) -> None:
        """Say how much memory was resident before the model, and at most until it was timed."""
        # Not getrusage: its maximum is inherited from the parent over fork and exec.
        peak = self._peak_rss_bytes or status_bytes("VmHWM")
        base = self._base_rss_bytes
        self._pipe.send({"event": "memory", "base_rss_bytes": base, "peak_rss_bytes": peak})

    def classify(self, request: Message) -> None:
        """Find the best classes of each tensor of a batch; of equal scores the lower index wins."""
        import numpy as np

        source = self._model.get_input_details()[0]
        target = self._model.get_output_details()[0]
        rows = []
        for tensor in tensors_of(request, source):
            self._model.set_tensor(source["index"], tensor)
            self._invoke()
            rows.append(self._model.get_tensor(target["index"]).reshape(-1))
        scores = np.stack(rows)
        # Wider than the integers of a quantised output, whose least value has no negative.
        wide = scores.astype(np.float64)
        top = np.argsort(-wide, axis=1, kind="stable")[:, : request["top_k"]]
        finite = np.isfinite(wide).all(axis=1)
        answer = {"event": "classified", "top": top.tolist(), "finite": finite.tolist()}
        answer.update(shape=list(scores.shape), dtype=str(scores.dtype))
        self._pipe.send(answer, scores.tobytes() if request.get("outputs") else None)

    def _fill_inputs(self, payload: bytes | None) -> None:
        import numpy as np

        details = self._model.get_input_details()
        if payload is not None:
            tensor = np.frombuffer(payload, details[0]["dtype"]).reshape(details[0]["shape"])
            self._model.set_tensor(details[0]["index"], tensor)
            return
        generator = np.random.Generator(np.random.PCG64(SEED))
        for detail in details:
            noise = image_like(detail, self._input_range, generator)
            self._model.set_tensor(detail["index"], noise)

    def _invoke(self) -> None:
        begin = time.perf_counter_ns()
        try:
            self._model.invoke()
        except (RuntimeError, ValueError) as error:
            raise RuntimeError(f"the model loads but does not run: {first_line(error)}") from error
        if self._first_ms is None:
            self._first_ms = (time.perf_counter_ns() - begin) / NS_PER_MS

    def _warm_until_steady(self, max_s: float) -> tuple[int, bool]:
        begin, calls, last = time.monotonic(), 0, 0.0
        while time.monotonic() - begin < max_s:
            window, _ = self._samples(WARM_WINDOW_CALLS, WARM_WINDOW_S, sys.maxsize, None)
            calls, now = calls + len(window), median(window)
            if abs(now - last) < WARM_CHANGE * last:
                return calls, True
            last = now
        return calls, False

    def _samples(
        self, runs: int, min_time_s: float, max_samples: int, clocks: Clocks | None
    ) -> tuple[array[int], array[int]]:
        """Return nanoseconds of each call, and how many of them its threads did not run, in mean.

        Nothing but the call is inside a sample. Progress is told where there are clocks to look at.
        """
        invoke, clock, cpu_clock = self._model.invoke, time.perf_counter_ns, time.process_time_ns
        samples, waited, min_time_ns = array("q"), array("q"), min_time_s * NS_PER_S
        with no_garbage_collection():
            start = reported = clock()
            while True:
                begun = cpu_clock()
                begin = clock()
                invoke()
                end = clock()
                used = (cpu_clock() - begun) // self._threads
                waited.append(max(0, end - begin - used))
                samples.append(end - begin)
                done = len(samples) >= runs and end - start >= min_time_ns
                if done or len(samples) >= max_samples:
                    return samples, waited
                if clocks is not None and end - reported >= PROGRESS_EVERY_NS:
                    progress = {"samples": len(samples), "elapsed_s": (end - start) / NS_PER_S}
                    self._pipe.send({"event": "progress", **progress})
                    clocks.look()
                    reported = clock()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep Python from collecting garbage for a while."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Clocks:
    """Clocks of the CPU, kHz as text, one list a look."""

    def __init__(self) -> None:
        self._paths = paths_of(f"{CPU}/cpufreq/policy*/scaling_cur_freq")
        self.looks: list[list[str | None]] = []

    def look(self) -> None:
        """Read the clock of each group of cores once: a few bytes of sysfs, if there are any."""
        if self._paths:
            self.looks.append([text_of(path) for path in self._paths])


class PowerMeter(threading.Thread):
    """Reads a Raspberry Pi 5's power meter a few times a second, until it is finished."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.readings: list[str] = []
        self._over = threading.Event()

    def run(self) -> None:
        """Keep the readings that were taken while it was not over."""
        while not self._over.wait(POWER_EVERY_S):
            reading = read_power()
            if reading is not None and not self._over.is_set():
                self.readings.append(reading)

    def finish(self) -> None:
        """End, without the reading that is being taken."""
        self._over.set()
        self.join()


def read_power() -> str | None:
    """Return current and voltage of each rail as vcgencmd prints them, None without a meter."""
    text = output_of("vcgencmd", "pmic_read_adc")
    return text if text and "current(" in text else None


def pin(cpus: list[int] | None) -> None:
    """Keep this process, and the threads that it will start, on some of the CPUs."""
    if cpus is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise InputProblem(f"{platform.system()} cannot keep a process on --cpus")
    allowed = os.sched_getaffinity(0)
    if missing := sorted(set(cpus) - allowed):
        there = ",".join(map(str, sorted(allowed)))
        raise InputProblem(f"--cpus {','.join(map(str, missing))}: there are only {there}")
    os.sched_setaffinity(0, cpus)


def counters() -> Message:
    """Return what the kernel counts of this process and of all cores, at this moment."""
    usage = resource.getrusage(resource.RUSAGE_SELF) if resource else None
    return {
        "at_s": time.monotonic(),
        "cpu_times": cpu_times(),
        "cpu_s": usage and usage.ru_utime + usage.ru_stime,
        "voluntary": usage and usage.ru_nvcsw,
        "involuntary": usage and usage.ru_nivcsw,
        "major_faults": usage and usage.ru_majflt,
    }


def clock_costs() -> Message:
    """Return the clock's smallest step, and what a sample without a call would read."""
    clock = time.perf_counter_ns
    empty = sorted(-clock() + clock() for _ in range(CLOCK_READINGS))
    steps = [one for one in empty if one > 0]
    return {"clock_step_ns": min(steps, default=None), "clock_cost_ns": median(empty)}


def tensors_of(request: Message, source: Message) -> Iterator[Any]:
    """Yield the tensors of a batch; pixels come after what each of the 256 levels is as input."""
    import numpy as np

    shape = (request["count"], *(int(n) for n in source["shape"]))
    if not request.get("has_levels"):
        yield from np.frombuffer(request["payload"], source["dtype"]).reshape(shape)
        return
    levels = np.frombuffer(request["payload"], source["dtype"], 256)
    pixels = np.frombuffer(request["payload"], np.uint8, offset=levels.nbytes).reshape(shape)
    for image in pixels:
        yield levels.take(image)


def describe(detail: Message) -> Message:
    """Return name, shape, dtype and quantisation of a tensor as plain values."""
    scale, zero_point = detail["quantization"]
    return {
        "name": detail["name"],
        "shape": [int(n) for n in detail["shape"]],
        "dtype": detail["dtype"].__name__,
        "scale": float(scale),
        "zero_point": int(zero_point),
    }


def image_like(detail: Message, value_range: tuple[float, float] | None, generator: Any) -> Any:
    """Return uniform noise over the values that an image has in this tensor's dtype."""
    import numpy as np

    dtype, shape = np.dtype(detail["dtype"]), tuple(detail["shape"])
    if dtype.kind == "f":
        low, high = value_range or (-1.0, 1.0)
        return generator.uniform(low, high, shape).astype(dtype)
    if dtype.itemsize == 1 and dtype.kind in "iu":
        return generator.integers(0, 256, shape, np.uint8).view(dtype)
    return np.zeros(shape, dtype)


def host_facts() -> Message:
    """Return what this device is; what cannot be found is None."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "os": os_name(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "governor": text_of(f"{CPU}/cpu0/cpufreq/scaling_governor"),
        "board": tree_text("model"),
        "compatible": (tree_text("compatible") or "").split("\0"),
        "bits": struct.calcsize("P") * 8,
        "userland": output_of("dpkg", "--print-architecture"),
        "cpu_max_khz": texts_of(f"{CPU}/cpu[0-9]*/cpufreq/cpuinfo_max_freq"),
        "emulation": emulation_signs(),
    }


def emulation_signs() -> Message:
    """Return what gives an emulator away; the other side weighs it."""
    # qemu answers for /proc/self/exe in its guest's name; this way round it is the kernel's answer.
    program = f"/proc/self/task/{os.getpid()}/exe"
    try:
        with Path(program).open("rb") as file:
            path, header = str(Path(program).readlink()), file.read(20)
    except OSError:
        path, header = None, b""
    return {
        "program": path,
        "program_header": header.hex(),
        "cpuinfo": (text_of("/proc/cpuinfo") or "").partition("\n\n")[0],
        "product": text_of("/sys/class/dmi/id/product_name"),
        "tree": [path.name for path in paths_of(f"{DEVICE_TREE}/*")],
        "clocks": texts_of("/sys/class/ptp/ptp*/clock_name"),
    }


def host_health(idle_s: float) -> Message:
    """Return the texts that tell how this device is just now; the other side reads them."""
    begin = cpu_times()
    time.sleep(idle_s)
    return {
        "cpu_times": [begin, cpu_times()],
        "loadavg": text_of("/proc/loadavg"),
        "meminfo": text_of("/proc/meminfo"),
        "vmstat": text_of("/proc/vmstat"),
        "core_khz": texts_of(f"{CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq"),
        "zones": [
            [text_of(zone / "type"), text_of(zone / "temp")]
            for zone in paths_of("/sys/class/thermal/thermal_zone*")
        ],
        "throttled": output_of("vcgencmd", "get_throttled"),
        "temperature": output_of("vcgencmd", "measure_temp"),
    }


def cpu_times() -> str:
    """Return the line of /proc/stat that sums up all cores."""
    return (text_of("/proc/stat") or "").partition("\n")[0]


def cpu_name() -> str:
    """Return the processor's name, or a board's where /proc/cpuinfo names only that."""
    found: dict[str, str] = {}
    for line in (text_of("/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    for key in ("model name", "Model", "Hardware"):
        if found.get(key):
            return found[key]
    return tree_text("model") or platform.processor() or platform.machine()


def memory_bytes() -> int | None:
    """Return the physical memory."""
    if not hasattr(os, "sysconf"):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def os_name() -> str:
    """Return the system's name and version: ``Debian GNU/Linux 12 (bookworm)``."""
    for line in (text_of("/etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return platform.system()


def status_bytes(key: str) -> int | None:
    """Return an entry of /proc/self/status, which is in KiB, as bytes; None where there is none."""
    for line in (text_of("/proc/self/status") or "").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return None


def text_of(path: str | Path) -> str | None:
    """Return a small file's text without the space around it, None if it cannot be read."""
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None


def paths_of(pattern: str) -> list[Path]:
    """Return what there is of an absolute pattern, in order."""
    return sorted(Path("/").glob(pattern[1:]))


def texts_of(pattern: str) -> list[str]:
    """Return the text of every file that a pattern finds and that can be read."""
    return [text for path in paths_of(pattern) if (text := text_of(path)) is not None]


def tree_text(name: str) -> str | None:
    """Return a property of the device tree, whose strings end with NUL; None without a tree."""
    return (text_of(f"{DEVICE_TREE}/{name}") or "").strip("\0") or None


def output_of(*command: str) -> str | None:
    """Return what a program prints; None where it is missing, not permitted, fails or hangs."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROGRAM_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return None if done.returncode else done.stdout.decode(errors="replace").strip()


def version_of(distribution: str) -> str:
    """Return an installed distribution's version."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def die_with_parent() -> None:
    """Ask Linux to end this process with the one that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def forget_own_folder() -> None:
    """Take this file's folder off the import path: its neighbours must not shadow other modules."""
    own = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != own]


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    die_with_parent()
    forget_own_folder()
    pipe = Pipe()
    runner = Runner(pipe)
    runner.import_runtime()
    while (request := pipe.receive()) is not None:
        try:
            runner.verbs[request["do"]](request)
        except InputProblem as error:
            pipe.send({"event": "error", "kind": "input", "message": str(error)})
        except Exception as error:
            named = "" if type(error) is RuntimeError else f"{type(error).__name__}: "
            pipe.send({"event": "error", "kind": "failed", "message": named + first_line(error)})


if __name__ == "__main__":
    main()
