"""How many CPUs a process may use, whatever takes some away from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.core.cpu_limits import group_folders, quota_of, usable_cores

from .control_groups import cpu_group, cpuset_group, joining

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell of no confinement")

ROOT = "23 1 8:1 / / rw,relatime - ext4 /dev/root rw"
V2 = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
V1_GROUPS = "5:memory:/m\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/s\n0::/s"


@pytest.mark.parametrize(
    ("mounts", "groups", "folders"),
    [
        (
            [ROOT, V2], "0::/user.slice/a.service",
            ["/sys/fs/cgroup/user.slice/a.service", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"],
        ),
        ([ROOT, V2], "0::/", ["/sys/fs/cgroup"]),
        (
            [ROOT, V1, MEMORY], V1_GROUPS,
            [f"/sys/fs/cgroup/cpu,cpuacct{below}" for below in ("/docker/ab", "/docker", "")],
        ),
        # A container that sees the group's name outside, and only the group itself.
        ([V1.replace(" / ", " /docker/ab ")], V1_GROUPS, ["/sys/fs/cgroup/cpu,cpuacct"]),
        # A process that was moved to a group beside the one that its container sees.
        ([V2], "0::/../other", ["/sys/fs/cgroup"]),
        ([V2.replace("cgroup rw", "my\\040groups rw")], "0::/", ["/sys/fs/my groups"]),
        ([ROOT], "0::/", []),
        (["", "damaged"], "", []),
    ],
)  # fmt: skip
def test_the_groups_up_to_the_root_limit_a_process(
    mounts: list[str], groups: str, folders: list[str]
) -> None:
    assert [str(each) for each in group_folders("\n".join(mounts), groups)] == folders


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "25000 50000"}, 0.5),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.cfs_quota_us": "200000\n", "cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": ""}, None),
        ({}, None),
    ],
)
def test_quotas_of_both_versions(
    files: dict[str, str], quota: float | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert quota_of(tmp_path) == quota


def said_in(group: Path) -> str:
    """Return what a process in a control group says of its usable CPUs."""
    code = "from edgecnn.core.cpu_limits import *; print(usable_cpus(), usable_cores())"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=joining(group),
    ).stdout


@LINUX
def test_a_process_on_one_cpu_can_use_one() -> None:
    code = (
        "from edgecnn.core.cpu_limits import *; from edgecnn.core.platform_support import *; "
        "one = min(affinity()); keep_on_cpus([one]); "
        "print(usable_cores(), usable_cpus() <= 1, affinity() == {one})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 True True\n"
    assert usable_cores() <= len(os.sched_getaffinity(0))


@LINUX
def test_a_quota_of_a_group_limits_the_groups_within() -> None:
    with cpu_group(0.5) as outer, cpu_group(within=outer) as inner:
        assert said_in(inner) == "0.5 1\n"
    assert not outer.exists()


@LINUX
def test_a_cpuset_leaves_its_cpus() -> None:
    with cpuset_group(min(os.sched_getaffinity(0))) as group:
        usable, cores = said_in(group).split()
    assert float(usable) <= 1 == int(cores)
