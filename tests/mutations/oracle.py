"""What a reader may do with a damaged file: take it, or refuse it in one line that can be printed.

A *way* is a function of the file's path: it reads the file, or it runs a command on it.
"""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecnn.cli.failures import print_error
from edgecnn.cli.main import run
from edgecnn.core.errors import EdgecnnError

Way = Callable[[Path], object]

ACCEPTED, REFUSED, FAULT = "accepted", "refused", "fault"

CASE = "{}"
"""Stands for the path of the damaged file in the arguments of a command."""


@dataclass(frozen=True)
class Outcome:
    """What became of a damaged file.

    Args:
        kind: ``ACCEPTED``, ``REFUSED`` or ``FAULT``.
        text: The line that a user sees, or what is wrong.
    """

    kind: str
    text: str = ""


class WrongOutput(Exception):
    """A command that printed something other than its result or one line of error."""


def judged(ways: tuple[Way, ...], path: Path) -> Outcome:
    """Try every way of reading a file; the first way says whether the file was taken."""
    outcomes = []
    for way in ways:
        outcome = _tried(way, path)
        if outcome.kind == FAULT:
            return outcome
        outcomes.append(outcome)
    return outcomes[0]


def _tried(way: Way, path: Path) -> Outcome:
    try:
        way(path)
    except EdgecnnError as error:
        return _refused(error)
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {str(error)[:300]!r} ({where.filename}:{where.lineno})"
        return Outcome(FAULT, f"internal error: {text}")
    return Outcome(ACCEPTED)


def _refused(error: EdgecnnError) -> Outcome:
    if any(isinstance(cause, MemoryError) for cause in _causes(error)):
        return Outcome(FAULT, f"out of memory: {error}")
    with _captured() as (_, errors):
        print_error(error)
    text = errors.getvalue()
    return Outcome(REFUSED, text) if is_one_line(text) else Outcome(FAULT, f"no line: {text!r}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_one_line(text: str) -> bool:
    """Whether a text is one line that does nothing to a terminal."""
    return text.endswith("\n") and text[:-1].isprintable() and len(text) > 1


def is_harmless(text: str) -> bool:
    """Whether a text of lines does nothing to a terminal."""
    return all(line.replace("\t", " ").isprintable() for line in text.split("\n"))


@contextlib.contextmanager
def _captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    with (
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        yield output, errors


class Refused(EdgecnnError):
    """A command that ended with one line of error."""


def command(*arguments: str) -> Way:
    """A way that runs a command; ``CASE`` among its arguments stands for the file."""

    def way(path: Path) -> None:
        with _captured() as (output, errors):
            code = run([argument.replace(CASE, str(path)) for argument in arguments])
        printed, said = output.getvalue(), errors.getvalue()
        if "internal error" in said:
            raise WrongOutput(said)
        if not is_harmless(printed + said):
            raise WrongOutput(f"{' '.join(arguments[:2])} prints {(printed + said)[:2000]!r}")
        if code:
            if not is_one_line(said):
                raise WrongOutput(f"exit code {code} with {said!r}")
            raise Refused(said.removeprefix("edgecnn: ").rstrip("\n"))

    return way
