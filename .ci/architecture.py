"""Writes the tables of files in docs/architecture.md.

    python .ci/architecture.py

The rooms, their order and what is said of each are the document's own. A Python file is described
by the first line of its docstring, another file by what its row in the document says already.
tests/test_structure.py holds the document to what this would write.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "architecture.md"
SECTION = re.compile(r"^### `([\w/]+/)`\n(.*?)(?=^##)", re.M | re.S)
TABLE = re.compile(r"^\| file \|[^\n]*\n(?:\|[^\n]*\n)*", re.M)
ROW = re.compile(r"^\| `([\w/.]+)` \| (.+) \|$", re.M)
UNKNOWN = "to be described here"


def written(text: str) -> str:
    """Return the document with the tables that it should have."""
    rooms = SECTION.findall(text)
    folders = [folder for folder, _ in rooms]
    said = dict(ROW.findall(text))
    return SECTION.sub(lambda room: _section(room, folders, said), text)


def _section(room: re.Match[str], folders: list[str], said: dict[str, str]) -> str:
    folder, body = room[1], room[2]
    below = [other for other in folders if other != folder and other.startswith(folder)]
    names = [name for name in tracked(folder) if not name.startswith(tuple(below))]
    rows = "".join(f"| `{name}` | {description(name, said)} |\n" for name in names)
    table = f"| file | what it holds |\n|---|---|\n{rows}"
    return f"### `{folder}`\n{TABLE.sub(lambda _: table, body, count=1)}"


def tracked(folder: str) -> list[str]:
    """Return the files of a folder that git has, without links and the packages' own files."""
    command = ["git", "ls-files", "-z", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [name for name in names if not name.endswith("/__init__.py") or folder == "edgecnn/"]


def description(name: str, said: dict[str, str]) -> str:
    """Return what a file holds, in one line."""
    if not name.endswith(".py"):
        return said.get(name, UNKNOWN)
    docstring = ast.get_docstring(ast.parse((ROOT / name).read_text("utf-8"))) or UNKNOWN
    return docstring.splitlines()[0].replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
