"""pytest's hooks that let our processes start with libraries loaded; see ``server.py``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .sitecustomize import CHILD, COMMAND

HERE = Path(__file__).parent
FRESH = "fresh_processes"
"""Marks tests of processes themselves: all that they start is started as for a user."""

LIBRARIES = {
    CHILD: ("keras", "tensorflow", "tensorflow.lite"),
    COMMAND: (
        *("click", "numpy", "PIL.Image", "sqlalchemy.dialects.sqlite", "sqlalchemy.orm"),
        *("rich.console", "rich.progress", "rich.table", "rich.text"),
    ),
}


class Server:
    """A process that others are forked from, as long as the tests of this process last."""

    def __init__(self, libraries: tuple[str, ...]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edgecnn-tests-")
        self.address = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), self.address, *libraries],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the tests alone
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it takes clients now

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()


addresses: dict[str, str] = {}
"""The servers to ask in this test, by variable: those of COMMAND are for whom asks here."""

SERVERS = pytest.StashKey[dict[str, Server]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{FRESH}: processes start as for a user, none is forked")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Choose before any fixture of the test is made how processes start."""
    if sys.platform != "linux":
        return
    addresses.clear()
    os.environ.pop(CHILD, None)
    if item.get_closest_marker(FRESH):
        return
    if SERVERS not in item.config.stash:
        item.config.stash[SERVERS] = {name: Server(needed) for name, needed in LIBRARIES.items()}
        others = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *([others] if others else [])])
    addresses.update({name: one.address for name, one in item.config.stash[SERVERS].items()})
    os.environ[CHILD] = addresses[CHILD]


def warm_command() -> dict[str, str]:
    """Return the variable with which ``python -m edgecnn`` starts warm, unless it is not to.

    It is not for a process that gets a signal: that would not come through.
    """
    return {COMMAND: addresses[COMMAND]} if COMMAND in addresses else {}


def pytest_unconfigure(config: pytest.Config) -> None:
    for server in config.stash.get(SERVERS, {}).values():
        server.close()
