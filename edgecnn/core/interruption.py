"""Signals that ask a command to end: Ctrl-C, TERM and HUP, of which none is lost.

All three unwind the program as an exception, so that children are ended, devices released and
temporary folders removed. Python raises an exception wherever it is, also where that goes nowhere:
in the callback of a weak reference, or while a Cython module (``numpy.random``) tells
``collections.abc`` of its types. Without this module a command then goes on as if nobody had asked
it to end.

Only the command handles signals. A program that calls edgecnn's functions keeps its own way:
Python's is to raise KeyboardInterrupt at Ctrl-C, and to die at TERM and HUP without unwinding. What
that leaves, the next call that writes to the same folder removes (:mod:`edgecnn.core.temporary`).
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from edgecnn.core.platform_support import alarm_handled, ending_signals, set_alarm

RAISE_AGAIN_S = 0.02
"""Seconds after which an end that was swallowed is raised again."""

CLEANING_S = 2.0
"""Seconds for which further signals do not disturb the cleaning that the first one began.

Whoever ends a command often signals twice, as ``timeout`` and terminals do. A second signal breaks
off what cleaning still waits for after this time; what lies behind it is cleaned all the same.
"""

SIGNAL_STATUS = 128
"""Exit status of a process that a signal ended is this and the signal's number."""


class SignalEnd(BaseException):
    """A signal asks the command to end; it comes again when it is dropped while that still runs.

    Attributes:
        is_taken: The end was an expected one, and is not to come again.
    """

    is_taken = False

    def __del__(self) -> None:
        """Have the alarm raise another one: what is raised in here goes nowhere, too."""
        if not self.is_taken and _ending is not None and _ending.is_watching:
            set_alarm(RAISE_AGAIN_S)


class Interruption(SignalEnd, KeyboardInterrupt):
    """Ctrl-C, as a KeyboardInterrupt that comes again."""


class Ending:
    """Whether and how a signal ends a command.

    Attributes:
        number: The first signal that came; None before that.
        is_watching: Signals are handled.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.is_watching = False
        self._quiet_until = 0.0

    @property
    def exit_code(self) -> int:
        """Exit status of the command: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP."""
        return SIGNAL_STATUS + (self.number or signal.SIGINT)

    @property
    def text(self) -> str:
        """What the command says of its end."""
        if self.number in (None, signal.SIGINT):
            return "interrupted"
        return f"ended by {signal.Signals(self.number).name}"

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise a signal's exception; while cleaning goes on for the first, do so later."""
        wait_s = self._quiet_until - time.monotonic()
        if self.number is None:
            self.number, self._quiet_until = number, time.monotonic() + CLEANING_S
        elif wait_s > 0:
            set_alarm(wait_s)
            return
        self.handle_alarm(number, frame)

    def handle_alarm(self, number: int, frame: FrameType | None) -> None:
        """Raise the exception of the first signal, for the first time or again."""
        raise Interruption if self.number == signal.SIGINT else SignalEnd

    def take(self) -> None:
        """Forget the signal that came: it was the usual end of what was done."""
        self.number = None


_ending: Ending | None = None


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Let SIGINT, SIGTERM and SIGHUP end the block for sure, and say afterwards which one did.

    A signal that is ignored (``nohup``, a script's background job) or handled already stays so.
    Other threads than the main one change nothing. On Windows an end that was swallowed does not
    come again.

    Example:
        >>> with ended_by_signals():
        ...     import numpy.random  # Ctrl-C in here is a KeyboardInterrupt after it
    """
    global _ending
    ending, outer = Ending(), _ending
    defaults = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in ending_signals()}
    handled = {number: how for number, how in before.items() if how in defaults}
    if not handled or threading.current_thread() is not threading.main_thread():
        yield ending
        return
    _ending, ending.is_watching = ending, True
    with alarm_handled(ending.handle_alarm), _swallowed_in_silence():
        try:
            for number in handled:
                signal.signal(number, ending.handle)
            yield ending
        finally:
            _ending, ending.is_watching = outer, False
            for number, how in handled.items():
                signal.signal(number, how)


def ignore_signals() -> None:
    """Have no signal disturb a process that has done all its work, and ends now."""
    if threading.current_thread() is threading.main_thread():
        for number in ending_signals():
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _swallowed_in_silence() -> Iterator[None]:
    """Have Python print no traceback of an end that goes nowhere: it comes again."""
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, SignalEnd):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


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
            if _ending is not None:
                _ending.take()
