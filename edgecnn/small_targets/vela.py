"""Arm's compiler Vela: how much of a file it puts on an Ethos-U, and the time that it estimates."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from edgecnn.core.child import describe_exit
from edgecnn.core.errors import MESSAGE_CHARACTERS
from edgecnn.core.programs import run_program
from edgecnn.core.temporary import temporary_folder
from edgecnn.core.text import first_few
from edgecnn.small_targets.target import TargetProof
from edgecnn.tflite.reading import TfliteModel

ETHOS_U = "ethos-u"
PROGRAM = "vela"
VELA_TIMEOUT_S = 900.0
"""Seconds after which Vela hangs: MobileNet v2 takes it ten."""

PLACED = re.compile(r"^(CPU|NPU) operators = (\d+)", re.MULTILINE)
LEFT = re.compile(
    r"^Warning \(supported operators\) operator: (\S+), .*\nReason: (.*)$", re.MULTILINE
)
KEPT_FIGURES = {
    "inference_time": ("estimated_ms", 1e3),
    "core_clock": ("clock_mhz", 1e-6),
    "sram_memory_used": ("sram_kib", 1.0),
}
"""Column of Vela's summary -> name of the figure, and the factor to its unit."""


def find_vela() -> str | None:
    """Return the path of Vela: beside this Python, or on the PATH; None without it."""
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which(PROGRAM, path=here)


def ask_vela(path: Path, model: TfliteModel) -> TargetProof:
    """Have Vela compile a file, and say how many operators it leaves on the CPU.

    Args:
        path: The file; what Vela makes of it is thrown away.
        model: The file's structure.
    """
    program = find_vela()
    if program is None:
        return TargetProof(
            ETHOS_U, None, None, "not proved, as Vela is not here: pip install ethos-u-vela"
        )
    with temporary_folder() as folder:
        command = [program, str(path.resolve()), "--output-dir", str(folder)]
        try:
            done = run_program(command, folder=folder, timeout_s=VELA_TIMEOUT_S)
            version = run_program([program, "--version"], timeout_s=VELA_TIMEOUT_S).stdout.strip()
        except subprocess.TimeoutExpired:
            minutes = VELA_TIMEOUT_S / 60
            return _refused("Vela", f"it took longer than {minutes:.0f} minutes, and was ended")
        tool = f"Vela {version}"
        placed = {where: int(count) for where, count in PLACED.findall(done.stdout)}
        if done.returncode or set(placed) != {"CPU", "NPU"}:
            return _refused(tool, _reason(done))
        return _proof(tool, placed, done.stdout, next(iter(folder.glob("*_summary_*.csv")), None))


def _proof(tool: str, placed: dict[str, int], output: str, table: Path | None) -> TargetProof:
    figures: dict[str, float] = {"npu_operators": placed["NPU"], "cpu_operators": placed["CPU"]}
    estimate = ""
    if table is not None:
        row = next(csv.DictReader(table.open(encoding="utf-8")))
        for column, (name, factor) in KEPT_FIGURES.items():
            figures[name] = float(row[column]) * factor
        estimate = (
            f"; it estimates {figures['estimated_ms']:.2f} ms and {figures['sram_kib']:.0f} KiB of "
            f"SRAM for {row['accelerator_configuration']} at {figures['clock_mhz']:.0f} MHz"
        )
    left = list(dict.fromkeys(f"{kind} ({reason})" for kind, reason in LEFT.findall(output)))
    notes = [f"Vela leaves on the CPU: {first_few(left)}"] if placed["CPU"] and left else []
    summary = (
        f"{tool} leaves {placed['CPU']} operators on the CPU, {placed['NPU']} are on the "
        f"NPU{estimate}"
    )
    return TargetProof(ETHOS_U, True, tool, summary, tuple(notes), figures)


def _refused(tool: str, reason: str) -> TargetProof:
    return TargetProof(ETHOS_U, False, tool, f"{tool} does not take the file: {reason}")


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return what Vela said last of what went wrong, or how it ended."""
    lines = [line.strip() for line in _said(done) if line.strip()]
    ended = describe_exit(done.returncode) if done.returncode else "it did not say what it did"
    return (lines[-1] if lines else ended)[:MESSAGE_CHARACTERS]


def _said(done: subprocess.CompletedProcess[str]) -> Iterator[str]:
    yield from (line for line in done.stdout.splitlines() if "Error" in line)
    yield from done.stderr.splitlines()
