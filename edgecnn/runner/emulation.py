"""Whether a device's CPU is emulated, judged by what the runner on the device saw.

Times on an emulated CPU say nothing of a board. Programs of another architecture run under
qemu-user, which pretends to be the board in most places: it answers itself for ``/proc/self/exe``,
``/proc/self/maps`` and, in newer versions, ``/proc/cpuinfo``. For ``/proc/self/task/N/exe`` the
kernel answers, and names the emulator.

A virtual machine is no emulation: its CPU and its times are the host's. QEMU's board ``virt`` can
be either, and says which in its firmware's product name (hw/arm/virt.c in QEMU's source: "KVM
Virtual Machine" or "QEMU Virtual Machine"). An emulated board that also imitates a real one's
device tree (``-machine raspi4b``) cannot be told from the real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from edgecnn.runner.ondevice.protocol import EmulationSigns

ELF_FAMILIES = {3: "x86", 62: "x86", 40: "arm", 183: "arm"}
"""Number of a machine in elf.h (EM_386, EM_X86_64, EM_ARM, EM_AARCH64) -> its family.

A CPU may run programs of both machines of its family."""

RESERVED_IMPLEMENTER = "0x00"
"""Implementer in Arm's MIDR_EL1 that is "reserved for software use"; QEMU's ``-cpu max`` has it."""


def is_emulated(architecture: str, compatible: Sequence[str], signs: EmulationSigns) -> bool | None:
    """Return whether a CPU is emulated; None where the system shows none of the signs.

    Args:
        architecture: What the system calls its machine: ``"aarch64"``.
        compatible: Names in the device tree; empty where there is no tree.
        signs: Signs of emulation that the runner saw.

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
    """Return whether the kernel runs an emulator where the runner seems to be its own program."""
    if PurePosixPath(signs.program or "").name.startswith("qemu-"):
        return True
    header = bytes.fromhex(signs.program_header)
    if not header.startswith(b"\x7fELF"):
        return False
    family = ELF_FAMILIES.get(int.from_bytes(header[18:20], "little"))
    return None not in (family, _family(architecture)) and family != _family(architecture)


def _cpu_is_another(architecture: str, cpuinfo: str) -> bool:
    """Return whether /proc/cpuinfo describes a CPU of another architecture, or one of QEMU's."""
    fields = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    if _family(architecture) == "arm":
        return "vendor_id" in fields or fields.get("CPU implementer") == RESERVED_IMPLEMENTER
    if _family(architecture) == "x86":
        # VirtualApple is Rosetta; QEMU's largest CPU without KVM calls itself "QEMU TCG CPU".
        names = f"{fields.get('vendor_id')} {fields.get('model name')}"
        return "CPU implementer" in fields or "VirtualApple" in names or "QEMU TCG" in names
    return False


def _machine_is_emulated(compatible: Sequence[str], signs: EmulationSigns) -> bool:
    """Return whether the machine is QEMU's virtual board without the host's CPU (KVM) behind it."""
    product = signs.product or ""
    if product == "QEMU Virtual Machine" or any("qemu" in name for name in compatible):
        return True
    # Machines that are not emulated may be called dummy-virt, too; only QEMU has a device fw-cfg.
    from_qemu = any(name.startswith("fw-cfg@") for name in signs.tree)
    has_kvm = any("KVM" in name for name in (product, *signs.clocks))
    return "linux,dummy-virt" in compatible and from_qemu and not has_kvm


def _family(architecture: str) -> str | None:
    """Return the family of an architecture as a system names it; None of an unknown one."""
    if architecture.startswith(("arm", "aarch64")):
        return "arm"
    if architecture in ("x86_64", "AMD64") or (architecture[:1] == "i" and "86" in architecture):
        return "x86"
    return None
