"""A click group that imports a command's module only when that command is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A click group whose help imports none of the commands in other modules.

    Args:
        lazy_commands: Name of each command in another module -> ``"module:attribute"``, and its
            line of help.
        arguments: Arguments of click's own group.
        options: Keyword arguments of click's own group.
    """

    def __init__(
        self, *arguments: Any, lazy_commands: Mapping[str, tuple[str, str]], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._lazy_commands = lazy_commands

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands: those of the group's own module, then the others."""
        return [*self.commands, *self._lazy_commands]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command, imported if need be, or None if there is none of that name."""
        if name not in self._lazy_commands:
            return super().get_command(context, name)
        module, attribute = self._lazy_commands[name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        own = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        lazy = [(name, text) for name, (_, text) in self._lazy_commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*own, *lazy])
