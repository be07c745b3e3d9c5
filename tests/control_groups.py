"""Control groups with a CPU quota, for tests on machines that let this user make one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HIERARCHIES = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))
"""Where the first and the second version of control groups are mounted as a rule."""

PERIOD_US = 100_000


@contextmanager
def cpu_group(quota: float | None = None, within: Path | None = None) -> Iterator[Path]:
    """Make a control group, which is gone after the block; skip where that is not possible.

    Args:
        quota: CPUs that the processes of the group may use; None for no quota.
        within: Group that the new one is made in; None for the root of a hierarchy.
    """
    name = f"edgecnn-test-{uuid.uuid4().hex[:8]}"
    group = (_hierarchy() if within is None else within) / name
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        if quota is not None:
            _limit(group, round(quota * PERIOD_US))
        yield group
    finally:
        group.rmdir()


def joining(group: Path) -> Callable[[], None]:
    """Return a function by which a child process joins a group before its program starts."""
    return lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None


def _hierarchy() -> Path:
    for folder in HIERARCHIES:
        if (folder / "cpu.cfs_quota_us").exists() or _controls_cpus(folder):
            return folder
    pytest.skip("no hierarchy of control groups here limits CPUs")


def _controls_cpus(folder: Path) -> bool:
    controlled = folder / "cgroup.subtree_control"
    return controlled.exists() and "cpu" in controlled.read_text().split()


def _limit(group: Path, quota_us: int) -> None:
    old = group / "cpu.cfs_quota_us"
    try:
        if old.exists():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            old.write_text(str(quota_us))
        else:
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
    except OSError as error:
        pytest.skip(f"no CPU quota can be set here: {error.strerror}")
