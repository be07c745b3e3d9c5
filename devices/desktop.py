"""The machine itself as a device: the runner is a child process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from edgecnn.core.child import ChildProcess
from edgecnn.data.loader import usable_cores
from edgecnn.runner import runner
from edgecnn.runner.session import RunnerSession


class Desktop:
    """The machine that edgecnn itself runs on.

    Args:
        name: What records call it; a Raspberry Pi that measures itself is ``"pi"``.

    Example:
        >>> with Desktop().start("running 'a.tflite'") as session:
        ...     print(session.facts().cpu)
    """

    def __init__(self, name: str = "desktop") -> None:
        self._name = name

    @property
    def name(self) -> str:
        """What users and records call it."""
        return self._name

    def __enter__(self) -> Desktop:
        """Return itself: there is nothing to connect to."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: runners end with their own blocks."""

    def close(self) -> None:
        """Do nothing: runners end with their own blocks, or with this process."""

    def place(self, model: Path, on_progress: Callable[[int, int], None] | None = None) -> str:
        """Return the absolute path; the file is here already."""
        return str(model.resolve())

    def most_runners(self, threads: int) -> int:
        """Return one for each of the usable cores, less where each takes several."""
        return max(1, usable_cores() // threads)

    def start(self, task: str) -> RunnerSession:
        """Start a runner in a child process, so that a crash of the runtime stays there."""
        return RunnerSession(ChildProcess([sys.executable, runner.__file__], task=task))
