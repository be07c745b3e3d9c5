"""Ctrl-C that is not lost, although some code swallows the exception.

Python raises KeyboardInterrupt wherever it is, also where an exception goes nowhere: in the
callback of a weak reference, or while a Cython module (``numpy.random``) tells ``collections.abc``
of its types. Without this module a command then goes on as if nobody had asked it to end.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from edgecnn.core.platform_support import alarm_handled, set_alarm

RAISE_AGAIN_S = 0.02
"""Seconds after which an interruption that was swallowed is raised again."""


class Interruption(KeyboardInterrupt):
    """A KeyboardInterrupt that comes again when it is dropped while a command still runs.

    Attributes:
        is_taken: The interruption was an expected end, and is not to come again.
    """

    is_taken = False

    def __del__(self) -> None:
        """Have the alarm raise another interruption: what is raised in here goes nowhere, too."""
        if not self.is_taken and signal.getsignal(signal.SIGINT) is _interrupt:
            set_alarm(RAISE_AGAIN_S)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block for sure.

    Where Ctrl-C is ignored (``nohup``) or handled already, it stays so. Other threads than the main
    one change nothing. On Windows an interruption that was swallowed does not come again.

    Example:
        >>> with interruptible():
        ...     import numpy.random  # Ctrl-C in here is a KeyboardInterrupt after it
    """
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not is_default or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    with alarm_handled(_interrupt), _swallowed_in_silence():
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _swallowed_in_silence() -> Iterator[None]:
    """Have Python print no traceback of an interruption that goes nowhere: it comes again."""
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, Interruption):
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


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interruption
