"""The machine itself as a device: the runner is a child process."""

from __future__ import annotations

import sys
from pathlib import Path

from edgecnn.child import ChildProcess
from edgecnn.measure import runner
from edgecnn.measure.session import RunnerSession


class Desktop:
    """The machine that edgecnn itself runs on.

    Example:
        >>> with Desktop().start("running 'a.tflite'") as session:
        ...     print(session.facts().cpu)
    """

    @property
    def name(self) -> str:
        """``"desktop"``."""
        return "desktop"

    def place(self, model: Path) -> str:
        """Return the absolute path; the file is here already."""
        return str(model.resolve())

    def start(self, task: str) -> RunnerSession:
        """Start a runner in a child process, so that a crash of the runtime stays there."""
        return RunnerSession(ChildProcess([sys.executable, runner.__file__], task=task))
