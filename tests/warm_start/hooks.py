"""pytest's hooks that let children which need TensorFlow start warm; see ``server.py``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
VARIABLE = "EDGECNN_WARM_START"
FRESH = "fresh_processes"
"""Marks tests of processes themselves: all that they start is started as for a user."""

SERVER = pytest.StashKey["Server"]()


class Server:
    """The process that children are forked from, as long as the tests of this process last."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edgecnn-tests-")
        self.address = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), self.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the tests alone
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it takes connections now

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{FRESH}: children start as for a user, not warm")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Choose before any fixture of the test is made how children start."""
    if sys.platform != "linux":
        return
    if item.get_closest_marker(FRESH):
        os.environ.pop(VARIABLE, None)
        return
    if SERVER not in item.config.stash:
        item.config.stash[SERVER] = Server()
        others = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *([others] if others else [])])
    os.environ[VARIABLE] = item.config.stash[SERVER].address


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        config.stash[SERVER].close()
