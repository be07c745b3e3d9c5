"""The functions of the package: one for each command, found without importing anything heavy."""

from __future__ import annotations

import inspect
import re

import pytest

import edgecnn
from edgecnn.cli.main import COMMANDS

OTHER_NAMES = {
    "summary": {"summarize"},
    "try": {"classify"},
    "metadata": {"metadata", "set_metadata", "strip_metadata"},
}
"""Commands whose function has another name, or that are several functions."""

OF_THE_TERMINAL = {"demo", "devices", "models"}
"""Commands that work on neither a model nor a measurement."""


def test_each_command_is_a_function() -> None:
    commands = set(COMMANDS) - OF_THE_TERMINAL
    functions = set().union(*(OTHER_NAMES.get(name, {name}) for name in commands))
    assert functions | {"build", "__version__"} == set(edgecnn.__all__)


@pytest.mark.parametrize("name", sorted(set(edgecnn.__all__) - {"__version__"}))
def test_a_function_is_there_and_the_package_shows_its_use(name: str) -> None:
    function = getattr(edgecnn, name)
    assert inspect.isfunction(function)
    assert function.__name__ == name
    assert re.search(rf"edgecnn\.{name}\(|:func:`{name}`", edgecnn.__doc__ or "")
