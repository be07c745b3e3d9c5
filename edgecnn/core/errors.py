"""Every error that a user can meet, under one root.

Library code raises these; only ``edgecnn.cli`` turns them into a line and an exit code. A message
is one line that says what is wrong and what to do about it.

The module travels to devices (:mod:`edgecnn.runner.bundle`): it imports the standard library alone,
and its grammar is that of Python 3.7.
"""

from __future__ import annotations

from collections.abc import Iterable

MESSAGE_CHARACTERS = 2000
"""Characters at most of what another program says within a message: it may say anything."""


class EdgecnnError(Exception):
    """Root of all errors that edgecnn raises on purpose; exit code 1: the work failed."""

    exit_code = 1
    debug_text = ""

    def add_debug(self, text: str) -> None:
        """Attach details (a child's last lines) that only ``--debug`` shows."""
        self.debug_text = text


class InputError(EdgecnnError):
    """Something of the user's cannot be used (a file, an option, data); exit code 2."""

    exit_code = 2


def check_keywords(keywords: Iterable[str], of: type) -> None:
    """Check keywords that a function hands on to a dataclass, whose own error would name that.

    Args:
        keywords: Names of keywords that the function has no parameters for.
        of: The dataclass whose fields they are.

    Raises:
        TypeError: A name is no field.
    """
    known = of.__dataclass_fields__  # type: ignore[attr-defined]
    for name in keywords:
        if name not in known:
            fields = ", ".join(known)
            raise TypeError(f"unexpected keyword argument {name!r}: {of.__name__} has {fields}")


class MissingExtraError(EdgecnnError):
    """An optional dependency is not installed; the message names the extra to install.

    Args:
        what: The dependency, as users know it: ``"TensorFlow"``.
        extra: The extra of edgecnn that installs it: ``"convert"``.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is needed for this: pip install 'edgecnn[{extra}]'")


class ChildCrashedError(EdgecnnError):
    """A child process died (native crash, killed, out of memory) while it worked on a model.

    Attributes:
        exit_status: Status with which the process ended: 0 where it ended in good order, without
            the answer that was waited for. None where a signal ended it, or that is not known.
    """

    exit_status: int | None = None


class NoAnswerError(ChildCrashedError):
    """A child process gave no answer in time, and was ended."""


class DeviceError(EdgecnnError):
    """A device cannot be reached or used: no answer, no permission, no runtime, no space."""


class ConnectionLostError(DeviceError):
    """The connection to a device was cut while it was used; it may be worth a new try."""


class StoreError(EdgecnnError):
    """Results cannot be kept or read: the database is locked, full, damaged or out of reach."""


class ConversionError(EdgecnnError):
    """The model could not be converted, or the converted file failed its check."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its class where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].strip()[:MESSAGE_CHARACTERS] if lines else type(error).__name__


def describe_error(error: BaseException) -> str:
    """Return an error in one line that names its class.

    Example:
        >>> describe_error(ValueError("no such size"))
        'ValueError: no such size'
    """
    name, line = type(error).__name__, first_line(error)
    return line if line == name else f"{name}: {line}"


SHOWN_CHARACTERS = 60
"""Characters of a wrong value that an error shows, so that it stays one line."""


def shown_value(value: object) -> str:
    """Return a wrong value as the line of an error shows it.

    Example:
        >>> shown_value("a" * 100)
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
