"""Whether a device's CPU is an emulator's, judged by what its runner saw.

No time that is measured on an emulated CPU is true of a board. Programs of another architecture run
under qemu-user, which pretends to be the board in most places: it answers itself for
``/proc/self/exe``, ``/proc/self/maps`` and, in newer versions, ``/proc/cpuinfo``. It does not
answer for ``/proc/self/task/N/exe``, which therefore names the emulator.

A virtual machine is something else: its CPU is the host's, and its times are too. QEMU's board
``virt`` can be either, and says which in its firmware's product name (hw/arm/virt.c in QEMU's
source: "KVM Virtual Machine" or "QEMU Virtual Machine"). A complete emulated board that imitates a
real one in its device tree too (``-machine raspi4b``) cannot be told from the real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from edgecnn.runner.protocol import EmulationSigns

ELF_FAMILIES = {3: "x86", 62: "x86", 40: "arm", 183: "arm"}
"""Family of each machine in elf.h: EM_386, EM_X86_64, EM_ARM, EM_AARCH64.

One CPU may run programs of both machines of a family."""

RESERVED_IMPLEMENTER = "0x00"
"""Arm's "reserved for software use" in MIDR_EL1, which QEMU's ``-cpu max`` has."""


def is_emulated(architecture: str, compatible: Sequence[str], signs: EmulationSigns) -> bool | None:
    """Return whether a CPU is emulated, None where the system shows nothing of it.

    Args:
        architecture: What the system calls its machine: ``"aarch64"``.
        compatible: Names in the device tree, none where there is no tree.
        signs: What the runner saw.

    Example:
        >>> is_emulated("aarch64", (), EmulationSigns(program="/usr/bin/qemu-aarch64-static"))
        True
    """
    if not signs.program and not signs.cpuinfo:
        return None
    return (
        _another_program_runs_it(architecture, signs)
        or _cpu_is_another(architecture, signs.cpuinfo)
        or _machine_is_emulated(compatible, signs)
    )


def _another_program_runs_it(architecture: str, signs: EmulationSigns) -> bool:
    """Whether the kernel runs an emulator in place of the program that this process seems to be."""
    if PurePosixPath(signs.program or "").name.startswith("qemu-"):
        return True
    header = bytes.fromhex(signs.program_header)
    if not header.startswith(b"\x7fELF"):
        return False
    family = ELF_FAMILIES.get(int.from_bytes(header[18:20], "little"))
    return None not in (family, _family(architecture)) and family != _family(architecture)


def _cpu_is_another(architecture: str, cpuinfo: str) -> bool:
    """Whether /proc/cpuinfo tells of a CPU of another architecture, or of QEMU's own."""
    found = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        found[key.strip()] = value.strip()
    if _family(architecture) == "arm":
        return "vendor_id" in found or found.get("CPU implementer") == RESERVED_IMPLEMENTER
    if _family(architecture) == "x86":
        # VirtualApple is Rosetta; QEMU's greatest CPU without KVM calls itself "QEMU TCG CPU".
        named = f"{found.get('vendor_id')} {found.get('model name')}"
        return "CPU implementer" in found or "VirtualApple" in named or "QEMU TCG" in named
    return False


def _machine_is_emulated(compatible: Sequence[str], signs: EmulationSigns) -> bool:
    """Whether this is QEMU's virtual board without the host's CPU (KVM) behind it."""
    product = signs.product or ""
    if product == "QEMU Virtual Machine" or any("qemu" in name for name in compatible):
        return True
    # Other machines without emulation are called dummy-virt too; a device fw-cfg only QEMU has.
    from_qemu = any(name.startswith("fw-cfg@") for name in signs.tree)
    has_kvm = any("KVM" in name for name in (product, *signs.clocks))
    return "linux,dummy-virt" in compatible and from_qemu and not has_kvm


def _family(architecture: str) -> str | None:
    """Return the family of an architecture as its system names it, None where it is not known."""
    if architecture.startswith(("arm", "aarch64")):
        return "arm"
    if architecture in ("x86_64", "AMD64") or (architecture[:1] == "i" and "86" in architecture):
        return "x86"
    return None
