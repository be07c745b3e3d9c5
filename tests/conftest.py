"""Fixtures that every test may use: the command as a user runs it, and the shared real data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

RunEdgecnn = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real models and photographs; skips where it is not, fails in CI."""
    folder = Path(os.environ.get("EDGECNN_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"no test data in {folder}, and CI must have it")
        pytest.skip("real models and photographs are not here: set EDGECNN_SHARED_DATA")
    return folder


@pytest.fixture(scope="session", autouse=True)
def user_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests out of the user's own cache."""
    os.environ["EDGECNN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def run_edgecnn() -> RunEdgecnn:
    """Run the ``edgecnn`` command in a process of its own: ``run_edgecnn("models", "--json")``."""

    def run(
        *arguments: object,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgecnn", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            timeout=timeout,
        )

    return run
