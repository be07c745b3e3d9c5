"""Control groups that limit CPUs, for tests on machines that let this user make one."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")
"""Where control groups are mounted as a rule; those of the first version by their controllers."""

PERIOD_US = 100_000
REMOVED_WITHIN_S = 20.0


@contextmanager
def cpu_group(quota: float | None = None, within: Path | None = None) -> Iterator[Path]:
    """Make a control group, which is gone after the block; skip where that is not possible.

    Args:
        quota: CPUs that the processes of the group may use; None for no quota.
        within: Group that the new one is made in; None for the root of a hierarchy.
    """
    with _group(_hierarchy("cpu") if within is None else within) as group:
        if quota is not None:
            microseconds = round(quota * PERIOD_US)
            if (group / "cpu.cfs_quota_us").exists():
                _set(group, "cpu.cfs_period_us", PERIOD_US)
                _set(group, "cpu.cfs_quota_us", microseconds)
            else:
                _set(group, "cpu.max", f"{microseconds} {PERIOD_US}")
        yield group


@contextmanager
def cpuset_group(cpu: int) -> Iterator[Path]:
    """Make a control group whose processes may run on one CPU, as :func:`cpu_group` does.

    Args:
        cpu: Number of the CPU.
    """
    with _group(_hierarchy("cpuset")) as group:
        _set(group, "cpuset.cpus", cpu)
        _set(group, "cpuset.mems", 0)
        yield group


def joining(group: Path) -> Callable[[], None]:
    """Return a function by which a child process joins a group before its program starts."""
    return lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None


@contextmanager
def _group(within: Path) -> Iterator[Path]:
    group = within / f"edgecnn-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        yield group
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    """Remove a group as soon as the last of its processes is gone."""
    give_up = time.monotonic() + REMOVED_WITHIN_S
    while True:
        try:
            return group.rmdir()
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _hierarchy(controller: str) -> Path:
    """Return where a controller's groups are, in the first version of control groups or the second.

    The second version may be mounted beside the first, without controllers.
    """
    first, controlled = ROOT / controller, ROOT / "cgroup.subtree_control"
    if first.is_dir():
        return first
    if controlled.exists() and controller in controlled.read_text().split():
        return ROOT
    pytest.skip(f"no control groups with the controller {controller} are here")


def _set(group: Path, name: str, value: object) -> None:
    try:
        (group / name).write_text(str(value))
    except OSError as error:
        pytest.skip(f"{name} of a control group cannot be set here: {error.strerror}")
