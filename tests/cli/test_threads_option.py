"""``--threads`` has one limit and one message, in every command that runs a model on threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from edgecnn.cli import main
from edgecnn.runner.session import MAX_THREADS, check_threads

COMMANDS = ("bench", "profile", "verify")


def test_these_are_all_commands_that_take_a_number_of_threads() -> None:
    """With other commands ``--threads`` chooses among results, and by default takes all."""
    group = main.cli
    context = click.Context(group)
    found = set()
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        defaults = [p.get_default(context) for p in command.params if p.name == "threads"]
        found |= {name} if defaults in ([1], ["1"]) else set()
    assert found == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1, 10**30])
def test_a_number_that_no_runtime_takes_is_one_line(
    command: str,
    threads: int,
    colour_model: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = colour_model(tmp_path / "model.tflite")
    assert main.run([command, str(model), "--threads", str(threads)]) == 2
    said = capsys.readouterr().err
    assert said == f"edgecnn: --threads must be 1 to {MAX_THREADS}, not {threads}\n"


def test_every_number_up_to_the_limit_is_taken() -> None:
    check_threads(range(1, MAX_THREADS + 1))
