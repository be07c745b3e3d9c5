"""Fixtures: emulated boards, or a skip that says what is missing for them.

With EDGECNN_REQUIRE_PI=1, as in CI, what is missing is a failure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from edgecnn.devices.inventory import Inventory
from edgecnn.devices.ssh.address import SshAddress
from tests.at_hand import NotAtHand, not_here

from .board import EmulatedPi
from .requirements import missing
from .rootfs import ARM64, ARMHF, NATIVE, root_file_system
from .wheels import installed_runtime, wheelhouse

MakePi = Callable[..., EmulatedPi]
PYTHON = "/usr/bin/python3"
Made = TypeVar("Made")


def _have(make: Callable[[], Made]) -> Made:
    try:
        return make()
    except NotAtHand as error:
        not_here(str(error), "EDGECNN_REQUIRE_PI")


@pytest.fixture(scope="session")
def can_emulate() -> None:
    """Skip, or fail, where emulated boards cannot run."""
    reason = missing()
    if reason:
        not_here(reason, "EDGECNN_REQUIRE_PI")
    for architecture in (ARM64, ARMHF):
        _have(lambda chosen=architecture: root_file_system(chosen))  # type: ignore[misc]


@pytest.fixture(scope="session")
def pi64(can_emulate: None) -> Iterator[EmulatedPi]:
    """A Raspberry Pi 5 with 64 bits that all tests share: leave it as it was."""
    with EmulatedPi(64) as board:
        yield board


@pytest.fixture(scope="session")
def pi32(can_emulate: None) -> Iterator[EmulatedPi]:
    """A board with 32 bits that all tests share: leave it as it was."""
    with EmulatedPi(32) as board:
        yield board


@pytest.fixture
def make_pi(can_emulate: None) -> Iterator[MakePi]:
    """Start a board of the test's own, to be broken at will: ``make_pi(64, disk_mb=20)``."""
    with contextlib.ExitStack() as boards:
        yield lambda *choices, **named: boards.enter_context(EmulatedPi(*choices, **named))


@pytest.fixture(scope="session")
def can_imitate() -> None:
    """Skip, or fail, where not even boards with this machine's own processor can run."""
    reason = missing((NATIVE,))
    if reason:
        not_here(reason, "EDGECNN_REQUIRE_PI")
    _have(lambda: root_file_system(NATIVE))
    _have(lambda: installed_runtime(NATIVE))


@pytest.fixture(scope="session")
def quick_pi(can_imitate: None) -> Iterator[EmulatedPi]:
    """A native board with a runtime that all tests share: its connections may be cut."""
    with EmulatedPi(native=True, runtime=True) as board:
        yield board


@pytest.fixture
def make_quick_pi(can_imitate: None) -> Iterator[MakePi]:
    """Start a native board of the test's own: ``make_quick_pi(disk_mb=20)``."""
    with contextlib.ExitStack() as boards:
        yield lambda **named: boards.enter_context(EmulatedPi(native=True, **named))


@pytest.fixture(scope="session")
def wheels64() -> Path:
    """A folder with wheels of the runtime and numpy for 64 bits."""
    return _have(lambda: wheelhouse(ARM64))


@pytest.fixture(scope="session")
def wheels32() -> Path:
    """A folder with the runtime's wheel for 32 bits."""
    return _have(lambda: wheelhouse(ARMHF))


@pytest.fixture(scope="session")
def quick_wheels() -> Path:
    """A folder with wheels of the runtime and numpy for native boards."""
    return _have(lambda: wheelhouse(NATIVE))


@pytest.fixture(scope="session")
def runtimes(can_emulate: None) -> None:
    """Have what ``make_pi(bits, runtime=True)`` lays over a board's files."""
    for architecture in (ARM64, ARMHF):
        _have(lambda chosen=architecture: installed_runtime(chosen))  # type: ignore[misc]


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give boards names, so that ``--device NAME`` finds them."""
    monkeypatch.setenv("EDGECNN_CONFIG", str(tmp_path / "settings"))
    config = tmp_path / "ssh_config"
    monkeypatch.setenv("EDGECNN_SSH_CONFIG", str(config))

    def know(**boards: EmulatedPi) -> None:
        for name, pi in boards.items():
            text = (
                (pi.folder / "ssh_config").read_text().replace("Host raspberrypi", f"Host {name}")
            )
            config.write_text((config.read_text() if config.exists() else "") + text)
            Inventory().add(name, SshAddress(name, python=PYTHON))

    return know
