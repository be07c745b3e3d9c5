"""Checks what a device says while it is looked at or set up: it may err, and it may lie."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from edgecnn.core.errors import MESSAGE_CHARACTERS
from edgecnn.core.messages import MessageError
from edgecnn.devices.setup.protocol import Board, DevicePython, RuntimeState, SetupFailed
from edgecnn.runner.answers import (
    MAX_COUNT,
    as_many,
    check_name,
    check_texts,
    require,
    within,
)

MAX_PYTHONS = 100
MAX_VERSION = 9999
PATH_CHARACTERS = 1000


Answer = TypeVar("Answer")


def checked_answer(answer: Answer) -> Answer:
    """Return the answer of the set-up program once it has been checked; texts come in one line.

    Raises:
        MessageError: A field cannot be right; the error names it.

    Example:
        >>> checked_answer(SetupFailed("disk", "no space\\nleft"))
        SetupFailed(reason='disk', message='no space left')
    """
    try:
        check_texts(answer)
        checked: Answer = CHECKS[type(answer)](answer)
    except MessageError as error:
        raise MessageError(f"{type(answer).__name__}: {error}") from error
    return checked


def _checked_board(board: Board) -> Board:
    for name in ("model", "os", "machine", "dpkg"):
        check_name(name, getattr(board, name))
    is_version = board.glibc is None or re.fullmatch(
        r"\d{1,2}\.\d{1,3}(\.\d{1,3})?", board.glibc, re.ASCII
    )
    require(bool(is_version), "glibc", board.glibc, "a version")
    within("free_bytes", board.free_bytes, 0, MAX_COUNT)
    as_many("pythons", board.pythons, 0, MAX_PYTHONS)
    for python in board.pythons:
        _check_python(python)
    return replace(board, venv=_checked_state(board.venv))


def _check_python(python: DevicePython) -> None:
    is_path = len(python.path) <= PATH_CHARACTERS and python.path.isprintable()
    require(is_path and bool(python.path), "path", python.path, "the path of a Python")
    for number in python.version:
        within("version", number, 0, MAX_VERSION)
    # The name is part of the name of a file in this machine's cache.
    is_abi = re.fullmatch(r"[a-z]{1,9}\d{1,6}[a-z]{0,5}", python.abi, re.ASCII)
    require(bool(is_abi), "abi", python.abi, "the name of a binary interface, such as cp311")
    check_name("implementation", python.implementation)
    require(python.bits in (32, 64), "bits", python.bits, "32 or 64")
    check_name("numpy", python.numpy)


def _checked_state(state: RuntimeState) -> RuntimeState:
    for name in ("python", "runtime", "version", "numpy"):
        check_name(name, getattr(state, name))
        if state.ready:
            require(bool(getattr(state, name)), name, getattr(state, name), "the name of a version")
    return replace(state, error=None if state.error is None else _one_line(state.error))


def _checked_failure(failure: SetupFailed) -> SetupFailed:
    check_name("reason", failure.reason)
    return SetupFailed(failure.reason, _one_line(failure.message))


CHECKS: dict[type, Callable[[Any], Any]] = {
    Board: _checked_board,
    RuntimeState: _checked_state,
    SetupFailed: _checked_failure,
}


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MESSAGE_CHARACTERS] or "no reason given"
