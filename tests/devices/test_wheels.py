"""Wheels for a device are chosen by pip, here, and packed as they will lie there."""

from __future__ import annotations

import importlib.util
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.devices.setup import wheels as fetching
from edgecnn.devices.setup.plans import RuntimePlan, plans
from edgecnn.devices.setup.probe import NotReadyError
from edgecnn.devices.setup.wheels import packed_wheels, pip_command, pip_failure

from .stub_wheels import write_runtime
from .test_plans import BOARD, PYTHON

TAG = "cp311-cp311-manylinux_2_27_aarch64"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))


def test_packages_for_another_processor_are_packed_without_commands(tmp_path: Path) -> None:
    folder = write_runtime(tmp_path / "wheels", tag=TAG)
    with packed_wheels(plans(BOARD), folder) as packed:
        assert packed.packages == ("ai-edge-litert 2.3.0", "numpy 2.4.6")
        with tarfile.open(packed.archive) as archive:
            names = archive.getnames()
        assert "./ai_edge_litert/interpreter.py" in names
        assert not [name for name in names if name.startswith("./bin")]
        assert packed.unpacked_bytes >= 4096 * 6
    assert not packed.archive.exists()


def test_a_python_without_a_wheel_gives_way_to_the_next(tmp_path: Path) -> None:
    folder = write_runtime(tmp_path / "wheels", tag=TAG)
    newer = replace(PYTHON, version=(3, 13, 1), abi="cp313", path="/usr/bin/python3.13")
    board = replace(BOARD, pythons=(newer, PYTHON))
    with packed_wheels(plans(board), folder) as packed:
        assert packed.plan.python == PYTHON


def test_no_wheel_names_the_pythons_that_have_one(tmp_path: Path) -> None:
    folder = write_runtime(tmp_path / "wheels", tag=TAG)
    newer = replace(BOARD, pythons=(replace(PYTHON, version=(3, 13, 1), abi="cp313"),))
    with (
        pytest.raises(NotReadyError, match=r"for Python 3\.13 on .* one for Python 3\.11$"),
        packed_wheels(plans(newer), folder),
    ):
        pass


def test_a_folder_of_wheels_that_is_none(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="no folder"),
        packed_wheels(plans(BOARD), tmp_path / "none"),
    ):
        pass


def test_what_was_fetched_is_kept_for_the_next_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, calls = fetching.install_wheels, []

    def install(plan: RuntimePlan, site: Path, wheels: Path | None) -> None:
        calls.append(plan.key)
        real(plan, site, write_runtime(tmp_path / "wheels", version=f"2.{len(calls)}.0"))

    monkeypatch.setattr(fetching, "install_wheels", install)
    found = []
    for fresh in (False, False, True, False):
        with packed_wheels(plans(BOARD), fresh=fresh) as packed:
            found.append((packed.packages[0], packed.cached))
    versions = ["2.1.0", "2.1.0", "2.2.0", "2.2.0"]
    assert found == [
        (f"ai-edge-litert {version}", cached)
        for version, cached in zip(versions, (False, True, False, True), strict=True)
    ]
    packed.archive.write_bytes(b"half")
    with packed_wheels(plans(BOARD)) as again:
        assert not again.cached


def test_no_network_is_not_the_same_as_no_wheel() -> None:
    offline = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'"
    missing = "ERROR: No matching distribution found for numpy<2,>=1.21"
    error = pip_failure(f"{offline}\n{missing}", None)
    assert "no package index can be reached" in str(error)
    found = pip_failure(missing, None)
    assert isinstance(found, fetching.NoWheelError) and found.package == "numpy"
    other = pip_failure("ERROR: Could not install packages due to an OSError: [Errno 28]", None)
    assert isinstance(other, EdgecnnError) and "[Errno 28]" in str(other)


def test_pip_may_be_the_one_that_comes_with_python(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "pip" and find(name))
    assert pip_command()[-1].endswith(".whl/pip")
    assert pip_command()[0] == sys.executable
