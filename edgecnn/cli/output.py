"""What the commands print: the one way to the terminal, on which no text from outside acts.

Names in files, facts of devices and errors of other programs may hold escape sequences, line ends
or marks that turn the direction of writing. Whoever prints gives each line for itself, and it comes
out as one line of letters (:func:`edgecnn.core.escaping.printable`).
"""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

import click

from edgecnn.core.escaping import printable
from edgecnn.core.json_writing import json_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

UNLIMITED = 1_000_000
"""Characters of a line where nothing limits them: in a file, in a pipe."""


def take_all_letters() -> None:
    """Let the standard streams take letters that their encoding lacks, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        # A stream that is closed, or somebody's own, stays as it is.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(*lines: object) -> None:
    """Print on standard output.

    Args:
        lines: Each is printed as one line, whatever it holds; without any, an empty line.

    Example:
        >>> say("model.tflite is written", "note: it has no labels")
    """
    _write(sys.stdout, *map(printable, lines))


def warn(*lines: object) -> None:
    """Print on standard error, as :func:`say` does on standard output."""
    _write(sys.stderr, *map(printable, lines))


def say_json(value: object) -> None:
    """Print values as JSON on standard output."""
    _write(sys.stdout, json_text(value))


def say_document(text: str) -> None:
    """Print lines of a document or a program, which end in a line end, on standard output."""
    say(*text.removesuffix("\n").split("\n"))


def document_stream() -> IO[str]:
    """Return standard output for a writer of documents in which texts are escaped already."""
    return sys.stdout


def encoding() -> str | None:
    """Return the name of standard output's encoding."""
    return sys.stdout.encoding


def ask(question: str) -> None:
    """Ask a question on the terminal that is answered by yes or no.

    Raises:
        click.Abort: The answer is no.
    """
    click.confirm(printable(question), abort=True)


def ask_secret(question: str) -> str:
    """Ask on the terminal; what is typed is not shown."""
    return getpass.getpass(printable(question))


def is_answered() -> bool:
    """Whether somebody sits at the terminal who can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def cell(text: object, style: str = "") -> Text:
    """Return a cell of a table; square brackets and emoji codes are text.

    Args:
        text: The text; it may hold anything.
        style: Rich's name of a style.
    """
    from rich.text import Text

    return Text(printable(text), style)


def caption(lines: Iterable[object]) -> Text:
    """Return lines that stand below a table."""
    from rich.text import Text

    return Text("\n".join(map(printable, lines)))


def terminal_width() -> int | None:
    """Return the columns of the terminal; None where output goes to a file or a pipe."""
    console = _console()
    return console.width if console.is_terminal else None


def print_whole(table: Table) -> None:
    """Print a table on standard output; nothing is cut or folded in a file or a pipe."""
    console = _console()
    if console.is_terminal:
        console.print(table)
        return
    console = _console(table_width(table))
    with console.capture() as captured:
        console.print(table)
    # Rich fills each cell up to its column's width; in a file the blanks at a line's end are noise.
    _write(sys.stdout, *(line.rstrip() for line in captured.get().splitlines()))


def table_width(table: Table) -> int:
    """Return how many characters a table needs to show every cell in one line."""
    from rich.measure import Measurement

    console = _console()
    return Measurement.get(console, console.options.update(max_width=UNLIMITED), table).maximum


def error_console() -> Console:
    """Return rich's console on standard error, for a line of progress."""
    from rich.console import Console

    return Console(stderr=True)


def _write(stream: IO[str], *lines: str) -> None:
    print(*lines, sep="\n", file=stream, flush=True)


def _console(width: int | None = None) -> Console:
    from rich.console import Console

    return Console(highlight=False, width=width)
