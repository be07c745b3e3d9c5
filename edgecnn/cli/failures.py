"""Errors as lines on standard error: one that ends a command, or several while it goes on."""

from __future__ import annotations

import os
import traceback

from edgecnn.cli.output import warn
from edgecnn.core.errors import EdgecnnError, InputError

DEBUG_VARIABLE = "EDGECNN_DEBUG"


def print_error(error: BaseException, text: str | None = None) -> None:
    """Print an error as one line on standard error, under ``--debug`` with its traceback before.

    Args:
        error: Any exception; its ``debug_text`` is shown under ``--debug``, too.
        text: What the line says; None for the error's own message.
    """
    if os.environ.get(DEBUG_VARIABLE):
        told = "".join(traceback.format_exception(error)) + getattr(error, "debug_text", "")
        warn(*told.expandtabs().removesuffix("\n").split("\n"))
    warn(f"edgecnn: {' '.join((text or str(error)).split())}")


class Failures:
    """Errors of a command that works on several things and goes on after one fails.

    Example:
        >>> failures = Failures()
        >>> for source in sources:
        ...     try:
        ...         convert(source)
        ...     except EdgecnnError as error:
        ...         failures.add(error)
        >>> failures.exit_code
        0
    """

    def __init__(self) -> None:
        self._errors: list[EdgecnnError] = []

    def add(self, error: EdgecnnError) -> None:
        """Print an error and remember it."""
        print_error(error)
        self._errors.append(error)

    @property
    def exit_code(self) -> int:
        """0 without errors, 2 if all were bad input, else 1."""
        if not self._errors:
            return 0
        return 2 if all(isinstance(error, InputError) for error in self._errors) else 1
