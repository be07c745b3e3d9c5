"""What a device's system says of the device: its facts, its state, its power meter.

Most of this stands in files that only Linux has; on other systems it is None.

The module travels to devices: the standard library alone, and Python 3.9.
"""

from __future__ import annotations

import os
import platform
import struct
import time
from pathlib import Path

from edgecnn.core.cpu_limits import usable_cpus
from edgecnn.core.platform_support import is_macos, physical_memory_bytes, system_text
from edgecnn.runner.ondevice.protocol import EmulationSigns, HealthTexts, HostFacts
from edgecnn.runner.ondevice.system import DEVICE_TREE, os_name, output_of, tree_text

CPU = "/sys/devices/system/cpu"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
"""File with a random name that the kernel draws when it starts (man 5 proc_sys_kernel)."""


def host_facts() -> HostFacts:
    """Return what the device is."""
    return HostFacts(
        cpu=cpu_name(),
        cores=os.cpu_count(),
        usable_cpus=usable_cpus(),
        memory_bytes=physical_memory_bytes(),
        os=os_name(),
        kernel=platform.release(),
        architecture=platform.machine(),
        governor=system_text(f"{CPU}/cpu0/cpufreq/scaling_governor"),
        board=tree_text("model"),
        compatible=tuple((tree_text("compatible") or "").split("\0")),
        bits=struct.calcsize("P") * 8,
        userland=output_of(["dpkg", "--print-architecture"]),
        cpu_max_khz=texts_of(f"{CPU}/cpu[0-9]*/cpufreq/cpuinfo_max_freq"),
        emulation=emulation_signs(),
    )


def emulation_signs() -> EmulationSigns:
    """Return the signs of an emulated CPU; :mod:`edgecnn.runner.emulation` judges them."""
    # qemu answers itself for /proc/self/exe; for this path the kernel answers.
    program = f"/proc/self/task/{os.getpid()}/exe"
    try:
        with Path(program).open("rb") as file:
            path, header = str(Path(program).readlink()), file.read(20)
    except OSError:
        path, header = None, b""
    return EmulationSigns(
        program=path,
        program_header=header.hex(),
        cpuinfo=(system_text("/proc/cpuinfo") or "").partition("\n\n")[0],
        product=system_text("/sys/class/dmi/id/product_name"),
        tree=tuple(path.name for path in paths_of(f"{DEVICE_TREE}/*")),
        clocks=texts_of("/sys/class/ptp/ptp*/clock_name"),
    )


def host_health(idle_s: float) -> HealthTexts:
    """Return the state of the device; how busy other programs are shows while this one waits.

    Args:
        idle_s: Seconds to wait between two readings of the CPU's times.
    """
    before = cpu_times()
    time.sleep(idle_s)
    return HealthTexts(
        cpu_times=(before, cpu_times()),
        loadavg=system_text("/proc/loadavg"),
        meminfo=system_text("/proc/meminfo"),
        vmstat=system_text("/proc/vmstat"),
        core_khz=texts_of(f"{CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq"),
        zones=tuple(
            (system_text(zone / "type"), system_text(zone / "temp"))
            for zone in paths_of("/sys/class/thermal/thermal_zone*")
        ),
        throttled=output_of(["vcgencmd", "get_throttled"]),
        temperature=output_of(["vcgencmd", "measure_temp"]),
        boot_id=system_text(BOOT_ID),
    )


def power_text() -> str | None:
    """Return current and voltage of each rail as vcgencmd prints them; None without a meter."""
    text = output_of(["vcgencmd", "pmic_read_adc"])
    return text if text and "current(" in text else None


def cpu_times() -> str:
    """Return the line of ``/proc/stat`` that sums up all cores; empty on other systems."""
    return (system_text("/proc/stat") or "").partition("\n")[0]


def cpu_name() -> str:
    """Return the processor's name, or the board's where ``/proc/cpuinfo`` names only the board."""
    fields: dict[str, str] = {}
    for line in (system_text("/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    for key in ("model name", "Model", "Hardware"):
        if fields.get(key):
            return fields[key]
    brand = output_of(["sysctl", "-n", "machdep.cpu.brand_string"]) if is_macos() else None
    return tree_text("model") or brand or platform.processor() or platform.machine()


def paths_of(pattern: str) -> list[Path]:
    """Return the paths that match an absolute pattern, in order."""
    return sorted(Path("/").glob(pattern[1:]))


def texts_of(pattern: str) -> tuple[str, ...]:
    """Return the text of every readable file that matches an absolute pattern."""
    texts = map(system_text, paths_of(pattern))
    return tuple(text for text in texts if text is not None)
