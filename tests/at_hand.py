"""What tests need beyond the checkout: made once and cached, or the reason why it is not here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from edgecnn.core.platform_support import try_lock


class NotAtHand(Exception):
    """Something that tests need cannot be had here."""


def not_here(reason: str, required_by: str) -> NoReturn:
    """Skip and say why; fail where the environment variable ``required_by`` is 1, as in CI."""
    if os.environ.get(required_by) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def cache_folder() -> Path:
    """Where what is made stays from run to run; delete it to have it made again."""
    chosen = os.environ.get("EDGECNN_TEST_CACHE")
    folder = Path(chosen) if chosen else Path.home() / ".cache" / "edgecnn-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def made_once(
    name: str, recipe: str, folder: Path | None = None
) -> Iterator[tuple[Path, Path | None]]:
    """Give a cached folder, and where to make it if it is not there yet.

    It is cached for all runs, or for those who share ``folder``.

    The folder is renamed into place at the end, so what was made half is never used; of two who
    want it at once, the second waits for the first.
    """
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    cache = folder or cache_folder()
    made, partial = (cache / f"{name}-{end}" for end in (key, "partial"))
    if made.is_dir():
        yield made, None
        return
    with (cache / f"{name}.lock").open("w") as lock:
        while not try_lock(lock):
            time.sleep(0.05)
        if made.is_dir():
            yield made, None
            return
        shutil.rmtree(partial, ignore_errors=True)
        usual = os.umask(0o022)  # a board's user must be able to read what is made
        try:
            partial.mkdir()
            yield made, partial
            partial.rename(made)
        finally:
            os.umask(usual)
            shutil.rmtree(partial, ignore_errors=True)


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a command that fetches something, and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode:
        raise NotAtHand(f"{command[0]} failed ({done.returncode}):\n{done.stderr[-3000:]}")
    return done.stdout
