"""The ``edgecnn`` command group: it lists the commands, and turns each error into one line."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from typing import Any

import click

from edgecnn.cli.failures import DEBUG_VARIABLE, print_error
from edgecnn.cli.lazy_group import LazyGroup
from edgecnn.cli.output import take_all_letters, warn
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.interruption import (
    SIGNAL_STATUS,
    Ending,
    SignalEnd,
    ended_by_signals,
    ignore_signals,
)
from edgecnn.core.version import __version__
from edgecnn.core.wording import options_spoken

COMMANDS: dict[str, tuple[str, str]] = {
    "models": ("edgecnn.cli.models:models_command", "List the architectures and what they cost."),
    "summary": ("edgecnn.cli.summary:summary_command", "List the layers or ops of one model."),
    "inspect": (
        "edgecnn.cli.inspect:inspect_command",
        "Say what a .tflite file is, and which apps take it.",
    ),
    "convert": ("edgecnn.cli.convert:convert_command", "Make quantised .tflite files."),
    "sensitivity": (
        "edgecnn.cli.sensitivity:sensitivity_command",
        "Say which layers int8 loses its accuracy in.",
    ),
    "metadata": (
        "edgecnn.cli.metadata:metadata_command",
        "Show, set or strip what a .tflite file says of itself.",
    ),
    "verify": (
        "edgecnn.cli.verify:verify_command",
        "Say whether files answer as when they were made.",
    ),
    "bench": ("edgecnn.cli.bench:bench_command", "Measure size, latency, memory and accuracy."),
    "profile": ("edgecnn.cli.profile:profile_command", "Say where a file's latency goes."),
    "try": ("edgecnn.cli.try_command:try_command", "Classify images, here or in the browser."),
    "snippet": (
        "edgecnn.cli.snippet:snippet_command",
        "Print a program that uses a file: Python, Android, iOS, web.",
    ),
    "results": ("edgecnn.cli.results:results_command", "List and export what was measured."),
    "compare": ("edgecnn.cli.compare:compare_command", "Say what changed, and gate on it."),
    "report": ("edgecnn.cli.report:report_command", "Write a page: which model to ship."),
    "devices": ("edgecnn.cli.devices:devices_command", "Name, prepare and check the devices."),
    "demo": ("edgecnn.cli.demo:demo_command", "Train, convert and measure two small models."),
}
"""Command -> (module:attribute, help), in the order of the work.

The help stands here so that ``--help`` imports no command."""


@click.group(
    cls=LazyGroup,
    lazy_commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="edgecnn")
@click.option("--debug", is_flag=True, expose_value=False, help="Show an error's traceback.")
def cli() -> None:
    """From a CNN's name or your own Keras model to a measured .tflite file.

    \b
    Example:
      edgecnn convert mobilenet_v2 --quantize int8 -o model.tflite
      edgecnn bench model.tflite --threads 1,2
    """
    click.get_current_context().with_resource(options_spoken())


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input, 128 + N ended by signal N."""
    take_all_letters()
    _end_process(run(sys.argv[1:]))


def _end_process(exit_code: int) -> None:
    """End the process with this exit code, also while other threads are in native code.

    After Ctrl-C the threads that talk to devices still run. Python would unwind such a thread
    wherever it next asks for the interpreter; in a frame of C++ or Rust that aborts the process,
    which then says "terminate called" instead of its exit code. And after the end of a terminal
    standard output cannot be written to, for which Python has an exit code of its own.
    """
    ignore_signals()
    if threading.active_count() > 1 or exit_code > SIGNAL_STATUS:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(exit_code)
    sys.exit(exit_code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every error ends as one line on stderr."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--debug" in options:
        os.environ[DEBUG_VARIABLE] = "1"
    without_debug = [a for a in options if a != "--debug"] + arguments[len(options) :]
    ending = Ending()
    try:
        with ended_by_signals() as ending:
            try:
                result: Any = cli.main(without_debug, prog_name="edgecnn", standalone_mode=False)
            except click.Abort:
                raise
            except Exception as error:
                # What a signal broke off may fail in other words, and on a terminal that is gone
                # nothing can be said at all.
                if ending.number is not None:
                    raise
                return _failed(error)
            return result if isinstance(result, int) else 0
    except (click.Abort, KeyboardInterrupt, SignalEnd):
        pass
    except Exception:
        if ending.number is None:
            raise
    with contextlib.suppress(OSError, ValueError):
        warn(f"edgecnn: {ending.text}")
    return ending.exit_code


def _failed(error: Exception) -> int:
    """Print the error that ended a command, and return its exit code."""
    match error:
        case click.ClickException():
            print_error(error, error.format_message())
            return error.exit_code
        case EdgecnnError():
            print_error(error)
            return error.exit_code
        case BrokenPipeError():
            sys.stderr.close()
            return 1
    # A bug of edgecnn is still one line, and how to see more.
    print_error(error, f"internal error: {type(error).__name__}: {error} (try --debug)")
    return 1
