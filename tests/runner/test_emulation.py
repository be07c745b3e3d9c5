"""An emulated CPU is told from a real one and from a virtual machine's."""

from __future__ import annotations

from typing import Any

import pytest

from edgecnn.runner.emulation import is_emulated
from edgecnn.runner.protocol import EmulationSigns

PI = ("raspberrypi,5-model-b", "brcm,bcm2712")
VIRT = ("linux,dummy-virt",)
FW_CFG = {"tree": ("cpus", "fw-cfg@9020000", "timer")}


def elf(machine: int) -> str:
    """Return the first bytes of a little-endian program for a machine (man 5 elf)."""
    return (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + machine.to_bytes(2, "little")).hex()


ARM_CPU = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b"
INTEL_CPU = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i7-8550U"
PYTHON = "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("architecture", "compatible", "signs"),
    [
        # A Raspberry Pi, also with 32 bits on a kernel of 64; a PC, also with 32 bits.
        ("aarch64", PI, {"program": PYTHON, "program_header": elf(183), "cpuinfo": ARM_CPU}),
        ("aarch64", PI, {"program": PYTHON, "program_header": elf(40), "cpuinfo": ARM_CPU}),
        ("armv7l", PI, {"program": PYTHON, "program_header": elf(40), "cpuinfo": ARM_CPU}),
        ("x86_64", (), {"program": PYTHON, "program_header": elf(62), "cpuinfo": INTEL_CPU}),
        ("x86_64", (), {"program": PYTHON, "program_header": elf(3), "cpuinfo": INTEL_CPU}),
        # Virtual machines: under KVM with and without firmware, and one that is not QEMU's.
        ("x86_64", (), {"cpuinfo": INTEL_CPU, "product": "Standard PC (Q35 + ICH9, 2009)"}),
        ("aarch64", VIRT, {"cpuinfo": ARM_CPU, **FW_CFG, "product": "KVM Virtual Machine"}),
        ("aarch64", VIRT, {"cpuinfo": ARM_CPU, **FW_CFG, "clocks": ("KVM virtual PTP",)}),
        ("aarch64", VIRT, {"cpuinfo": ARM_CPU, "tree": ("cpus", "timer")}),
        # What this knows nothing of, and files that could not be read.
        ("riscv64", (), {"program": PYTHON, "program_header": elf(243), "cpuinfo": "hart: 0"}),
        ("aarch64", PI, {"program": PYTHON, "program_header": "", "cpuinfo": ""}),
        ("aarch64", PI, {"program": PYTHON, "program_header": "7f", "cpuinfo": ""}),
    ],
)
def test_real_and_virtual_cpus(
    architecture: str, compatible: tuple[str, ...], signs: dict[str, Any]
) -> None:
    assert is_emulated(architecture, compatible, EmulationSigns(**signs)) is False


@pytest.mark.parametrize(
    ("architecture", "compatible", "signs"),
    [
        # qemu-user: by its name, by its program's machine, by the host's cpuinfo.
        ("aarch64", PI, {"program": "/usr/bin/qemu-aarch64-static", "program_header": elf(62)}),
        ("aarch64", PI, {"program": "/usr/bin/qemu-aarch64", "program_header": elf(183)}),
        ("armv7l", (), {"program": "/proc/self/fd/3", "program_header": elf(62)}),
        ("aarch64", (), {"cpuinfo": INTEL_CPU}),
        ("x86_64", (), {"cpuinfo": ARM_CPU}),
        # Rosetta, whose own program is Arm's.
        ("x86_64", (), {"program": "/run/rosetta/rosetta", "program_header": elf(183)}),
        ("x86_64", (), {"cpuinfo": "vendor_id\t: VirtualApple"}),
        # Whole machines of QEMU without KVM.
        ("aarch64", VIRT, {"cpuinfo": ARM_CPU, **FW_CFG}),
        ("aarch64", (), {"cpuinfo": ARM_CPU, "product": "QEMU Virtual Machine"}),
        ("aarch64", (), {"cpuinfo": "CPU implementer\t: 0x00\nCPU part\t: 0x051"}),
        ("x86_64", (), {"cpuinfo": "model name\t: QEMU TCG CPU version 2.5+"}),
    ],
)
def test_emulated_cpus(
    architecture: str, compatible: tuple[str, ...], signs: dict[str, Any]
) -> None:
    assert is_emulated(architecture, compatible, EmulationSigns(**signs)) is True


def test_nothing_is_said_where_the_system_shows_nothing() -> None:
    assert is_emulated("arm64", (), EmulationSigns()) is None
