"""What a process may do and see: a forked process has it of its server, not of who asked for it."""

import os


def confinement() -> list[str]:
    """Return users, capabilities, limits, CPUs and namespaces of this process."""
    with open("/proc/self/status") as status, open("/proc/self/limits") as limits:  # noqa: PTH123
        said = ("Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp:", "Cpus_allowed:")
        lines = [line for line in status if line.startswith(said)]
        lines += [line for line in limits if "pending signals" not in line]
    spaces = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
    return [*lines, *(os.readlink(f"/proc/self/ns/{name}") for name in spaces)]  # noqa: PTH115
