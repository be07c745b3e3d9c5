"""Ctrl-C that is not lost, although some code swallows the exception.

Python raises KeyboardInterrupt wherever it is, also where an exception goes nowhere: in the
callback of a weak reference, or while a Cython module (``numpy.random``) tells ``collections.abc``
of its types. A command then went on as if nobody had asked it to end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_S = 0.02


class Interruption(KeyboardInterrupt):
    """Comes again when it is dropped while a command still runs.

    Attributes:
        is_taken: It was an expected end, and is not to come again.
    """

    is_taken = False

    def __del__(self) -> None:
        """Have the alarm clock raise another one: what is raised in here goes nowhere, too."""
        if not self.is_taken and signal.getsignal(signal.SIGINT) is _interrupt:
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block for sure.

    Where it is ignored (``nohup``) or handled already it stays so; other threads change nothing,
    and neither does a system without alarm clocks (Windows).

    Example:
        >>> with interruptible():
        ...     import numpy.random  # Ctrl-C in here is a KeyboardInterrupt after it
    """
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_default and is_main and hasattr(signal, "setitimer")):
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    alarm = signal.signal(signal.SIGALRM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)


@contextmanager
def ended_by_interruption() -> Iterator[None]:
    """Let Ctrl-C end the block as its usual end, which is no error.

    Example:
        >>> with ended_by_interruption():
        ...     server.wait()
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if isinstance(error, Interruption):
            error.is_taken = True


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interruption
