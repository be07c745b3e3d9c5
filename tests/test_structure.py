"""The house as docs/architecture.md describes it: rooms in an order, names that mean one thing."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP_FOLDERS = ("models", "quantize", "devices")
"""Folders at the top of the repository that install within the package."""
FRONT_DOOR = ""
"""Room of ``edgecnn`` itself, below all rooms but that of the commands."""
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


@cache
def modules() -> dict[str, Path]:
    """The product's modules by name, each once although links lead to some of them."""
    paths = [path for top in TOP_FOLDERS for path in (ROOT / top).rglob("*.py")]
    package = (ROOT / "edgecnn").rglob("*.py")
    paths += (path for path in package if path.relative_to(ROOT).parts[1] not in TOP_FOLDERS)
    return {name_of(path): path for path in sorted(paths)}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts if parts[0] == "edgecnn" else ("edgecnn", *parts))
    return name.removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def room_of(module: str) -> str:
    """The package below ``edgecnn`` that a module is in, or FRONT_DOOR."""
    parts = module.split(".")
    is_package = modules()[module].name == "__init__.py"
    return parts[1] if len(parts) > 2 or (is_package and len(parts) == 2) else FRONT_DOOR


def imported_by(module: str) -> Iterator[str]:
    """Every module of ours that one imports, at its top or inside of a function."""
    for node in ast.walk(tree(modules()[module])):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{module} has a relative import"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name in modules())


def rooms() -> list[str]:
    """The rooms in the order in which docs/architecture.md lists them."""
    return re.findall(r"^### `(?:edgecnn/)?(\w+)/`$", ARCHITECTURE, re.M)[:-1]


def test_every_room_is_listed_once() -> None:
    assert sorted(rooms()) == sorted({room_of(module) for module in modules()} - {FRONT_DOOR})


def test_a_room_imports_only_rooms_above_it() -> None:
    *others, last = rooms()
    assert last == "cli"  # the commands call functions of the front door
    place = {room: number for number, room in enumerate([*others, FRONT_DOOR, last])}
    wrong = [
        f"{module} imports {other}"
        for module in modules().keys() - {"edgecnn.__main__"}
        for other in imported_by(module)
        if place[room_of(other)] > place[room_of(module)]
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {module: set(imported_by(module)) - {module} for module in modules()}
    assert in_circles(left) == {}


def test_no_packages_import_each_other_in_a_circle() -> None:
    left: dict[str, set[str]] = defaultdict(set)
    for module in modules().keys() - {"edgecnn.__main__"}:
        left[package_of(module)] |= {package_of(other) for other in imported_by(module)}
    left = {package: others - {package} for package, others in left.items()}
    assert in_circles(left) == {}


def in_circles(left: dict[str, set[str]]) -> dict[str, set[str]]:
    """Take out what imports nothing that is left, again and again: circles stay."""
    while ends := [name for name, others in left.items() if not others & left.keys()]:
        for name in ends:
            del left[name]
    return left


def package_of(module: str) -> str:
    """The folder that a module is in, by its dotted name; the front door stands for itself."""
    is_package = modules()[module].name == "__init__.py"
    return module if is_package else module.rpartition(".")[0]


SYSTEM_NAMES = {
    ("sys", "platform"), ("os", "name"), ("os", "killpg"), ("os", "setsid"), ("signal", "SIGKILL"),
    ("os", "sched_getaffinity"), ("os", "sched_setaffinity"), ("os", "confstr"),
}  # fmt: skip
SYSTEM_MODULES = {"fcntl", "resource", "msvcrt", "winreg"}


def test_one_module_asks_which_system_it_runs_on() -> None:
    asking = {
        module
        for module, path in modules().items()
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and names_of(node) in SYSTEM_NAMES)
        or (isinstance(node, ast.Import) and {alias.name for alias in node.names} & SYSTEM_MODULES)
    }  # fmt: skip
    assert asking == {"edgecnn.core.platform_support"}


def names_of(node: ast.Attribute) -> tuple[str, str]:
    return ast.unparse(node.value), node.attr


def test_every_file_is_listed_and_described_as_it_describes_itself() -> None:
    if subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("no git repository")
    script = loaded(ROOT / ".ci" / "architecture.py")
    assert script.written(ARCHITECTURE) == ARCHITECTURE
    assert script.UNKNOWN not in ARCHITECTURE


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_documents_call_a_file_of_the_product_is_one() -> None:
    path = re.compile(r"`((?:edgecnn|models|quantize|devices|tests)/[\w/.]+)`")
    wrong = [
        f"{document.name}: {name}"
        for document in (ROOT / "docs").glob("*.md")
        for name in path.findall(document.read_text("utf-8"))
        if "NAME" not in name and not (ROOT / name).exists()
    ]
    assert wrong == []


def test_links_of_the_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    wrong = [
        f"{document.name}: {link}"
        for document in documents
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
        if not link.startswith("https://") and not leads_somewhere(document, link)
    ]
    assert wrong == []


def leads_somewhere(document: Path, link: str) -> bool:
    """Whether a link leads to a file, and to a heading of it where it names one."""
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(document: Path) -> set[str]:
    """The anchors that a document's headings have on its web page."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def test_a_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in modules().items():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_temporary_things_are_made_where_they_are_removed() -> None:
    """What a killed command left is found by its name, which one module gives."""
    making = {
        module
        for module, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import) and "tempfile" in {alias.name for alias in node.names}
    }
    # A child's standard error goes to a file that has no name, or none for long.
    children = {"edgecnn.core.child", "edgecnn.small_targets.micro_run"}
    assert making == {"edgecnn.core.temporary", *children}


def test_a_constant_has_one_value() -> None:
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for module, path in modules().items():
        for name, value in constants(path):
            values[name].setdefault(ast.unparse(value), module)
    assert {name: where for name, where in values.items() if len(where) > 1} == {}


def constants(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """The constants of a file, with the expressions of their values."""
    for node in tree(path).body:
        target: Any = None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target = node.target
        if isinstance(target, ast.Name) and re.fullmatch(r"[A-Z][A-Z0-9_]+", target.id):
            yield target.id, node.value  # type: ignore[attr-defined]


CUT_OFF = re.compile(
    r"(?:\w+: )?(?:"
    r"(?:Of|As|For|With|By|In|On|From|Than) (?:it|that|this|them|those|these|the same)\b[.,:;]"
    r"|Of (?:it|that|them|those|the same)\b|The same(?:\.|, )|So (?:it|that)\b|It does so\b"
    r"|Its? (?:own|other)\b|Also\b.*\bthat\.$)"
)
"""A beginning of a sentence that is not understood without the line before it."""


def test_every_description_is_understood_when_it_is_cut_out() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in modules().values()
        for docstring in docstrings(path)
        for line in beginnings(docstring)
        if CUT_OFF.match(line)
    ]
    assert wrong == []


def docstrings(path: Path) -> Iterator[str]:
    """Every docstring of a file, those of constants and fields among them."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield docstring


def beginnings(docstring: str) -> Iterator[str]:
    """A docstring's first line, and the first line of each argument's description."""
    first, *others = docstring.splitlines()
    yield first.strip()
    yield from (line.strip() for line in others if re.match(r"\s+\w+: ", line))


PRINTING = {"click.echo", "click.secho", "click.prompt", "click.confirm", "print", "Console",
            "getpass.getpass", "sys.stdout.write", "sys.stderr.write", "json.dumps"}  # fmt: skip


def test_commands_print_through_one_module() -> None:
    printing = {
        f"{module}: {ast.unparse(node.func)}"
        for module, path in modules().items()
        for node in ast.walk(tree(path))
        if room_of(module) == "cli"
        and isinstance(node, ast.Call)
        and ast.unparse(node.func) in PRINTING
    }
    assert {line for line in printing if not line.startswith("edgecnn.cli.output: ")} == set()
