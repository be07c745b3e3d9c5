"""A progress line on standard error while library functions work; nothing where no one looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgecnn.cli.output import ask_secret, error_console, is_answered, say
from edgecnn.core.escaping import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class PhaseProgress:
    """Shows phases as a library function reports them: ``progress(phase, done, total)``.

    Example:
        >>> with PhaseProgress() as progress:
        ...     edgecnn.convert("mobilenet_v2", on_progress=progress)
    """

    def __init__(self) -> None:
        console = error_console()
        # Where no one looks, the library that draws the line is not imported.
        self._progress = _progress_line(console) if console.is_terminal else None
        # Devices are measured at the same time, so each thread has a line.
        self._lines: dict[int, tuple[str, TaskID]] = {}

    def __enter__(self) -> PhaseProgress:
        """Start showing."""
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        """Clear the line."""
        self._stop()

    def __call__(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Show a phase, and how much of it is done where that is known."""
        if self._progress is None:
            return
        thread = threading.get_ident()
        shown, task = self._lines.get(thread, (None, None))
        if task is None or phase != shown:
            if task is not None:
                self._progress.remove_task(task)
            task = self._progress.add_task(printable(phase), total=total or None)
            self._lines[thread] = (phase, task)
        self._progress.update(task, completed=done, total=total or None)

    @property
    def ask_password(self) -> Callable[[str], str] | None:
        """Function that asks the user for a password; None where no one is there to answer."""
        return self._ask if is_answered() else None

    def _ask(self, question: str) -> str:
        """Ask on the terminal, clear of the progress line; what is typed is not shown."""
        self._stop()
        try:
            return ask_secret(question)
        finally:
            self._start()

    def say(self, *lines: object) -> None:
        """Print lines on standard output, clear of the progress line."""
        self._stop()
        say(*lines)
        self._start()

    def _start(self) -> None:
        if self._progress is not None:
            self._progress.start()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _progress_line(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
