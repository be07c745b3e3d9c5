"""Signals that ask for an end, also while code runs that swallows exceptions."""

from __future__ import annotations

import contextlib
import signal
import sys
import time

import pytest

from edgecnn.core import interruption
from edgecnn.core.interruption import SignalEnd, ended_by_interruption, ended_by_signals


class Swallows:
    """Python prints what a finalizer raises, and goes on."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)


@pytest.fixture()
def swallowed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of exceptions that went nowhere; pytest's own list would keep them alive."""
    names: list[str] = []

    def note(unraisable: sys.UnraisableHookArgs) -> None:
        names.append(unraisable.exc_type.__name__)

    monkeypatch.setattr(sys, "unraisablehook", note)
    return names


def test_a_swallowed_interruption_comes_again(swallowed: list[str]) -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        Swallows()
        reached.append("before")
        time.sleep(10)
        reached.append("after")
    assert swallowed == []  # nothing is printed of what comes again
    assert reached == ["before"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interruption_that_is_taken_does_not_come_again() -> None:
    with ended_by_signals():
        with ended_by_interruption():
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarm")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_breaks_off_only_cleaning_that_takes_long(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "CLEANING_S", 0.3)
    cleaned = []

    def clean() -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: cleaned.append("last"))
            stack.callback(lambda: (time.sleep(10), cleaned.append("hung")))
            stack.callback(lambda: (time.sleep(0.01), cleaned.append("first")))
            stack.callback(lambda: signal.raise_signal(number))
            signal.raise_signal(number)

    before = time.monotonic()
    with pytest.raises((KeyboardInterrupt, SignalEnd)), ended_by_signals() as ending:
        clean()
    assert cleaned == ["first", "last"]
    assert time.monotonic() - before < 5
    assert ending.exit_code == 128 + number


def test_an_ignored_interruption_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ended_by_signals():
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.01)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
