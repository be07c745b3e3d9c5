"""What this machine must have for emulated boards, and the sentence about what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .rootfs import ARM64, ARMHF, Architecture

COMMANDS = ("mmdebstrap", "unshare", "nsenter", "ssh", "ssh-keygen")
HANDLERS = Path("/proc/sys/fs/binfmt_misc")
ADVICE = "'.ci/pi' installs and registers it"


def missing(architectures: tuple[Architecture, ...] = (ARM64, ARMHF)) -> str | None:
    """Say what keeps boards of these architectures from running here, or None."""
    if os.name != "posix" or os.geteuid() != 0:
        return "emulated boards need root, for mounts and namespaces"
    for command in COMMANDS:
        if not shutil.which(command):
            return f"emulated boards need {command}: {ADVICE}"
    for architecture in architectures:
        if architecture.qemu and not _can_run(architecture):
            return (
                f"emulated boards need qemu-{architecture.qemu} in binfmt_misc, with its flags "
                f"P and F: {ADVICE}"
            )
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "emulated boards need the kernel's overlay file system"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        return "emulated boards need namespaces, and unshare may not make them here"
    return None


def _can_run(architecture: Architecture) -> bool:
    for handler in HANDLERS.glob("*"):
        if handler.name in ("register", "status"):
            continue
        lines = dict(line.partition(" ")[::2] for line in handler.read_text().splitlines())
        interpreter = Path(lines.get("interpreter", "")).name
        if interpreter.startswith((f"qemu-{architecture.qemu}", f"{architecture.qemu}-binfmt")):
            return {"P", "F"} <= set(lines.get("flags:", "")) and "enabled" in lines
    return False
