"""The first process of an emulated board: mounts its files, then waits until the test is over.

Started with new mount, process, host-name and IPC namespaces (``unshare``), so everything that is
mounted here and everything that runs on the board ends with this process, whatever way it ends.
It ends when its standard input does: when the board is left, or the tests themselves are killed.
Only the standard library is at hand here.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
REPLACED_IN_PROC = ("cpuinfo", "meminfo")


def main(lower: str, work: str, disk_mb: str) -> None:
    """Mount a board over the folders in ``lower``; print its process number; wait for the end."""
    os.umask(0o022)
    number = Path("/proc/self").readlink()  # as the host counts: its /proc is still mounted
    root = mount_root(lower, Path(work), int(disk_mb))
    mount_kernel_files(root)
    mount_devices(root / "dev")
    socket.sethostname("raspberrypi")
    os.chroot(root)
    os.chdir("/")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what the board leaves behind
    print(number, flush=True)
    sys.stdin.buffer.read()


def mount_root(lower: str, work: Path, disk_mb: int) -> Path:
    """Lay a writable disk of limited size over the shared files."""
    mount("tmpfs", work, "tmpfs", f"size={disk_mb}m,mode=755")
    upper, scratch, root = (work / name for name in ("upper", "scratch", "root"))
    for folder in (upper, scratch, root):
        folder.mkdir()
    mount("overlay", root, "overlay", f"lowerdir={lower},upperdir={upper},workdir={scratch}")
    return root


def mount_kernel_files(root: Path) -> None:
    """Give the board its own /proc, /sys and /run; what the board shows there is written later."""
    mount("proc", root / "proc", "proc")
    mount("tmpfs", root / "sys", "tmpfs", "mode=755")
    mount("tmpfs", root / "run", "tmpfs", "mode=755")
    for name in REPLACED_IN_PROC:
        shown = root / "run/proc" / name
        shown.parent.mkdir(exist_ok=True)
        shown.touch()
        mount(str(shown), root / "proc" / name, options="bind")


def mount_devices(dev: Path) -> None:
    """Give the board the devices that every program expects, and terminals."""
    mount("tmpfs", dev, "tmpfs", "mode=755")
    for name in DEVICES:
        (dev / name).touch()
        mount(f"/dev/{name}", dev / name, options="bind")
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    mount("devpts", dev / "pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("tmpfs", dev / "shm", "tmpfs", "mode=1777")
    (dev / "ptmx").symlink_to("pts/ptmx")
    for name, target in {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items():
        (dev / name).symlink_to(f"/proc/self/fd{target}")


def mount(source: str, target: Path, kind: str = "", options: str = "") -> None:
    """Mount, or fail with what ``mount`` says."""
    type_arguments = ["-t", kind] if kind else []
    option_arguments = ["-o", options] if options else []
    subprocess.run(
        ["mount", *type_arguments, *option_arguments, source, str(target)],
        check=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
