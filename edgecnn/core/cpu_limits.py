"""How many CPUs this process may use: by its affinity, and by the CPU quota of its control groups.

``taskset``, a cpuset or isolated CPUs narrow the affinity; a container or a service of systemd
with a limit has a quota, which may be a fraction of a CPU. The files are described in the kernel's
``admin-guide/cgroup-v2.rst`` and ``scheduler/sched-bwc.rst``, and in proc_pid_mountinfo(5).

The module travels to devices: the standard library alone, and Python 3.9.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from edgecnn.core.platform_support import affinity, system_text

MOUNTS = "/proc/self/mountinfo"
GROUPS = "/proc/self/cgroup"

ESCAPED = re.compile(r"\\([0-7]{3})")
"""A blank and the like in a path of ``mountinfo``, as octal digits."""


def usable_cores() -> int:
    """Return how many threads of this process can run at the same time, at least 1.

    Only Linux tells of a confinement; elsewhere the answer is the number of logical cores.
    """
    return max(1, int(usable_cpus() or 1))


def usable_cpus() -> float | None:
    """Return the CPUs' time that this process may use in a second, in seconds.

    Returns:
        The number of CPUs of the affinity, or the CPU quota where that is less: 1.5 for one and a
        half CPUs. None where the system does not tell how many CPUs it has.

    Example:
        >>> usable_cpus()
        2.0
    """
    allowed = affinity()
    cpus = os.cpu_count() if allowed is None else len(allowed)
    if cpus is None:
        return None
    return min(float(cpus), cpu_quota() or float(cpus))


def cpu_quota() -> float | None:
    """Return the least CPU quota of this process' control groups, in CPUs; None without one.

    Each group up to the root of the hierarchy limits the groups within it.
    """
    mounts, groups = system_text(MOUNTS), system_text(GROUPS)
    quotas = [
        quota
        for folder in group_folders(mounts or "", groups or "")
        if (quota := quota_of(folder)) is not None
    ]
    return min(quotas, default=None)


def group_folders(mountinfo: str, cgroup: str) -> Iterator[Path]:
    """Yield the folders of the control groups that may limit the CPUs of a process.

    Args:
        mountinfo: Text of the process' ``mountinfo``.
        cgroup: Text of the process' ``cgroup``, which names its group in each hierarchy.

    Example:
        >>> mount = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
        >>> [str(folder) for folder in group_folders(mount, "0::/a/b")]
        ['/sys/fs/cgroup/a/b', '/sys/fs/cgroup/a', '/sys/fs/cgroup']
    """
    groups = dict(_groups(cgroup))
    for root, point, controllers in _hierarchies(mountinfo):
        for controller in controllers & groups.keys():
            parts = _parts_below(root, groups[controller])
            for depth in range(len(parts), -1, -1):
                yield Path(point, *parts[:depth])


def quota_of(folder: Path) -> float | None:
    """Return the CPU quota of one control group, in CPUs; None if it has none.

    Args:
        folder: Folder of the group, in the first or the second version of control groups.
    """
    whole = (system_text(folder / "cpu.max") or "").split()
    quota, period = whole if len(whole) == 2 else (
        system_text(folder / "cpu.cfs_quota_us"), system_text(folder / "cpu.cfs_period_us")
    )  # fmt: skip
    try:
        share = int(quota or "") / int(period or "")
    except (ValueError, ZeroDivisionError):
        return None  # "max" is no number.
    return share if share > 0 else None  # -1 is no limit.


def _parts_below(root: str, group: str) -> list[str]:
    """Return the names of the groups from the root of a mount down to a group.

    They are none for a group that is not below the root. A container may see the name that its
    group has outside, but only the group itself, and groups beside its own begin with ``..``.
    """
    if ".." in group.split("/"):
        return []
    below = posixpath.relpath(group, root)
    return [] if below == "." or below.startswith("..") else below.split("/")


def _groups(cgroup: str) -> Iterator[tuple[str, str]]:
    """Yield each controller of a process with the path of its group; ``""`` is version 2."""
    for line in cgroup.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        yield from ((name, path) for name in names.split(","))


def _hierarchies(mountinfo: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield root, mount point and controllers of each hierarchy that may limit CPUs."""
    for line in mountinfo.splitlines():
        mount, _, system = (part.split() for part in line.partition(" - "))
        if len(mount) < 5 or len(system) < 3:
            continue
        root, point = (ESCAPED.sub(lambda code: chr(int(code[1], 8)), it) for it in mount[3:5])
        if system[0] == "cgroup2":
            yield root, point, frozenset({""})
        elif system[0] == "cgroup" and "cpu" in system[2].split(","):
            yield root, point, frozenset({"cpu"})
