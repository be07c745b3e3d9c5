"""Every file that a command writes: whole or not at all, and only where it may be written.

The options that name an output are found by their type, so a new one fails until it is in the
table here; and code that writes files must do so by the rule of ``edgecnn/core/files.py``.
"""

from __future__ import annotations

import ast
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest

from edgecnn.cli.main import cli
from edgecnn.cli.options import OutputFile
from edgecnn.core.errors import EdgecnnError
from edgecnn.golden.export import export_sample
from edgecnn.store.store import Store
from edgecnn.tflite.reading import parse_model

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--runs", "3", "--min-time", "0", "--warmup", "0")
TARGET = "TARGET"


def is_json_list(content: bytes) -> bool:
    return isinstance(json.loads(content), list)


def is_json_object(content: bytes) -> bool:
    return isinstance(json.loads(content), dict)


def is_xml(content: bytes) -> bool:
    return ElementTree.fromstring(content) is not None


def is_model(content: bytes) -> bool:
    return bool(parse_model(content, "the file").operators)


def is_program(content: bytes) -> bool:
    return bool(ast.parse(content).body)


def is_table(content: bytes) -> bool:
    return content.startswith(b"id,tags,") and content.endswith(b"\n")


def is_document(content: bytes) -> bool:
    return content.startswith((b"# ", b"## ")) and content.endswith(b"\n")


@dataclass(frozen=True)
class Output:
    """An option that names a file to write: a command line with it, and what the file is.

    All outputs are written to a pipe; those that take no seconds elsewhere, too.
    """

    arguments: tuple[str, ...]
    is_whole: Callable[[bytes], bool]
    takes_seconds: bool = False


BENCH = ("bench", "colour.tflite", *QUICK, "--no-store")
COMPARE = ("compare", "r.json", "r.json")
OUTPUTS = {
    "bench --json": Output((*BENCH, "--json", TARGET), is_json_list),
    "bench --accuracy-json": Output(
        (*BENCH, "--data", "colours", "--preprocess", "raw", "--accuracy-json", TARGET),
        is_json_list,
    ),
    "profile --json": Output(("profile", "colour.tflite", "--json", TARGET), is_json_object, True),
    "compare --markdown": Output((*COMPARE, "--markdown", TARGET), is_document),
    "compare --junit": Output(
        (*COMPARE, "--fail-if", "model_bytes > +5%", "--junit", TARGET), is_xml
    ),
    "convert --output": Output(
        ("convert", "small.keras", "-q", "float32", "--preprocess", "tf", "-o", TARGET), is_model,
        True,
    ),
    "sensitivity --plot": Output(
        ("sensitivity", "small.keras", "--preprocess", "tf", "-c", "photos", "--samples", "4",
         "--images", "4", "--plot", TARGET), is_xml, True
    ),
    "metadata set --output": Output(
        ("metadata", "set", "made.tflite", "--author", "A", "-o", TARGET), is_model
    ),
    "metadata strip --output": Output(("metadata", "strip", "made.tflite", "-o", TARGET), is_model),
    "report --output": Output(("report", "r.json", "--format", "md", "-o", TARGET), is_document),
    "results export --output": Output(
        ("results", "export", "--store", "r.sqlite", "--format", "csv", "-o", TARGET), is_table
    ),
    "snippet --output": Output(
        ("snippet", "made.tflite", "--for", "python", "-o", TARGET), is_program
    ),
}  # fmt: skip
QUICK_OUTPUTS = {name: output for name, output in OUTPUTS.items() if not output.takes_seconds}
each_output = pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
each_quick_output = pytest.mark.parametrize("output", QUICK_OUTPUTS.values(), ids=QUICK_OUTPUTS)


@pytest.fixture(scope="module")
def inputs(
    tmp_path_factory: pytest.TempPathFactory,
    colour_model: Any,
    colour_photos: Path,
    small_file: Path,
    small_results: Any,
    photos: Path,
    run_edgecnn: Any,
) -> Path:
    """A folder with everything that the commands of the table read."""
    folder = tmp_path_factory.mktemp("inputs")
    colour_model(folder / "colour.tflite")
    (folder / "colours").symlink_to(colour_photos)
    (folder / "photos").symlink_to(photos)
    (folder / "small.keras").symlink_to(small_file)
    (folder / "made.tflite").symlink_to(small_results["int8"].path)
    done = run_edgecnn(
        *("bench", "colour.tflite", *QUICK, "--json", "r.json", "--store", "r.sqlite"), cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture()
def write(inputs: Path, run_edgecnn: Any) -> Callable[..., Any]:
    """Run the command line of an output with a target: ``write(output, target)``."""

    def run(output: Output, target: object) -> subprocess.CompletedProcess[str]:
        given = [str(target) if each == TARGET else each for each in output.arguments]
        done: subprocess.CompletedProcess[str] = run_edgecnn(*given, cwd=inputs)
        return done

    return run


def options_of(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Parameter]]:
    """Yield each option of a command and of those below it, with the words that name it."""
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from options_of(below, f"{path} {name}")
        return
    for parameter in command.params:
        yield f"{path} {max(parameter.opts, key=len)}".strip(), parameter


def test_every_output_is_in_the_table() -> None:
    found = {name for name, option in options_of(cli) if isinstance(option.type, OutputFile)}
    assert found == set(OUTPUTS)


def one_line(done: subprocess.CompletedProcess[str], exit_code: int, says: str) -> None:
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("edgecnn: ")]
    assert says in line
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert done.returncode == exit_code


@each_output
def test_a_named_pipe_gets_one_whole_content(
    output: Output, write: Callable[..., Any], tmp_path: Path
) -> None:
    pipe, got = tmp_path / "pipe.svg", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    done = write(output, pipe)
    reader.join(60)
    assert done.returncode == 0, done.stderr
    assert output.is_whole(got[0])
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@each_quick_output
def test_a_link_stays_and_its_file_keeps_its_mode(
    output: Output, write: Callable[..., Any], tmp_path: Path
) -> None:
    link, file = tmp_path / "link.svg", tmp_path / "elsewhere" / "file"
    file.parent.mkdir()
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to("elsewhere/file")
    done = write(output, link)
    assert done.returncode == 0, done.stderr
    assert str(link.readlink()) == "elsewhere/file"
    assert output.is_whole(file.read_bytes())
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert {path.name for path in tmp_path.rglob("*")} == {"link.svg", "elsewhere", "file"}


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system without a free byte, which still takes new names."""
    folder = tmp_path_factory.mktemp("full")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.strip()}")
    try:
        with pytest.raises(OSError, match="No space left"):
            (folder / "ballast").write_bytes(bytes(1 << 20))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@each_quick_output
def test_a_full_disk_leaves_nothing(
    output: Output, write: Callable[..., Any], full_disk: Path
) -> None:
    one_line(write(output, full_disk / "new.svg"), 1, "No space left on device")
    assert [path.name for path in full_disk.iterdir()] == ["ballast"]


FOLDERS = {
    "verify": ("verify", "made.tflite", "--export", "{disk}/new"),
    "convert": ("convert", "small.keras", "-q", "float32", "--preprocess", "tf", "-o", "{disk}"),
    "store": ("bench", "colour.tflite", *QUICK, "--store", "{disk}/r.sqlite"),
    "store by a link": ("bench", "colour.tflite", *QUICK, "--store", "{link}"),
}


@pytest.mark.parametrize("arguments", FOLDERS.values(), ids=FOLDERS)
def test_a_full_disk_leaves_no_half_of_a_folder_or_store(
    arguments: tuple[str, ...], inputs: Path, full_disk: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(full_disk / "new.sqlite")
    given = [each.format(disk=full_disk, link=link) for each in arguments]
    done = run_edgecnn(*given, cwd=inputs)
    one_line(done, 1, "full" if "--store" in arguments else "No space left on device")
    assert [path.name for path in full_disk.iterdir()] == ["ballast"]


def test_a_full_disk_leaves_settings_as_they_were(full_disk: Path, run_edgecnn: Any) -> None:
    settings = full_disk / "settings"
    settings.mkdir()
    done = run_edgecnn("devices", "add", "x", "pi@h", env={"EDGECNN_CONFIG": str(settings)})
    one_line(done, 1, "No space left on device")
    assert list(settings.iterdir()) == []
    settings.rmdir()


def test_an_export_that_fails_keeps_what_was_in_the_folder(
    small_results: Any, full_disk: Path
) -> None:
    folder = full_disk / "golden"
    folder.mkdir()
    (folder / "ball.png").touch()
    (folder / "mine").touch()
    with pytest.raises(EdgecnnError, match="No space left"):
        export_sample(small_results["int8"].path, folder)
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == {
        "ball.png": 0, "mine": 0
    }  # fmt: skip
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.parametrize("name", [name for name in QUICK_OUTPUTS if "metadata" not in name])
def test_standard_output_holds_the_content_alone(name: str, write: Callable[..., Any]) -> None:
    done = write(OUTPUTS[name], "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert OUTPUTS[name].is_whole(done.stdout.encode())


def test_a_model_goes_through_a_shell(inputs: Path, tmp_path: Path) -> None:
    """A file appended to, and a process that reads: both are open files of the command."""
    output = OUTPUTS["metadata set --output"]
    given = [f'"{each}"' if each != TARGET else "$T" for each in output.arguments]
    command = f'"{sys.executable}" -m edgecnn {" ".join(given)}'
    program = f'T=/dev/stdout; {command} > "$1"; {command.replace("$T", ">(cat > $2)")} | cat; wait'
    subprocess.run(
        ["bash", "-c", program, "bash", tmp_path / "redirected", tmp_path / "substituted"],
        cwd=inputs, check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert output.is_whole((tmp_path / "redirected").read_bytes())
    assert (tmp_path / "substituted").read_bytes()[4:8] == b"TFL3"


def device_node(path: Path) -> Path:
    """Make a device that takes everything; only root may, outside of containers."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.write_bytes(b"x")
    except OSError as error:
        pytest.skip(f"cannot make a device: {error.strerror}")
    return path


@each_output
def test_what_cannot_be_written_is_refused_before_the_work(
    output: Output, write: Callable[..., Any], tmp_path: Path
) -> None:
    """A socket stands for all; ``tests/test_files.py`` has the other kinds."""
    place = tmp_path / "socket.svg"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        one_line(write(output, place), 2, "is a socket")
    assert list(tmp_path.iterdir()) == [place]


def test_a_device_is_never_replaced(
    write: Callable[..., Any], tmp_path: Path, run_edgecnn: Any, inputs: Path
) -> None:
    null = device_node(tmp_path / "null")
    for name in ("bench --json", "metadata set --output", "snippet --output"):
        assert write(OUTPUTS[name], null).returncode == 0
    done = run_edgecnn("bench", "colour.tflite", *QUICK, "--store", null, cwd=inputs)
    one_line(done, 2, "is no file")
    assert stat.S_ISCHR(null.stat().st_mode)
    assert list(tmp_path.iterdir()) == [null]


INPUTS = {
    "the store": ("results", "export", "--store", "f", "-o", "f"),
    "a record": ("compare", "f", "f", "--markdown", "f"),
    "labels": ("bench", "m.tflite", "--data", "digits", "--labels", "f", "--json", "f"),
    "the store that is filled": ("bench", "m.tflite", "--store", "f", "--json", "f"),
    "weights": ("convert", "mobilenet_v2", "--weights", "f", "-o", "f"),
    "labels of metadata": ("metadata", "set", "m.tflite", "--labels", "f", "-o", "f"),
}


@pytest.mark.parametrize("arguments", INPUTS.values(), ids=INPUTS)
def test_no_output_destroys_what_is_read(
    arguments: tuple[str, ...], tmp_path: Path, colour_model: Any, run_edgecnn: Any
) -> None:
    colour_model(tmp_path / "m.tflite")
    file = tmp_path / "f"
    if "--store" in arguments:
        Store(file)
    else:
        file.write_text("red\ngreen\nblue\n")
    before = file.read_bytes()
    one_line(run_edgecnn(*arguments, cwd=tmp_path), 2, "which is read")
    assert file.read_bytes() == before


WRITERS = {"write_text", "write_bytes", "save", "savez", "copyfile", "copytree"}
"""Methods and functions that write a file, beside ``open`` for writing."""

RULE = {"replacing", "writing"}
OTHERS_ANSWER_FOR = {
    "edgecnn/model_metadata/writing.py": "appends to a file in a folder that the conversion made",
    "edgecnn/core/platform_support.py": "a setting of the kernel, which is no file",
    "edgecnn/importing/formats/hdf5_file.py": "a copy in a folder for temporary files",
    "edgecnn/importing/formats/keras_file.py": "a copy in a folder for temporary files",
    "edgecnn/importing/formats/onnx_file.py": "a copy in a folder for temporary files",
    "edgecnn/importing/formats/traced_graph.py": "writes to a folder for temporary files",
    "edgecnn/importing/kept_state.py": "a copy in a folder for temporary files",
    "edgecnn/importing/saved_model_zip.py": "writes to a folder for temporary files",
    "edgecnn/runner/ondevice/lock.py": "the lock of a device, which has no content",
    "models/checkpoints.py": "is given the temporary path of replacing()",
    "quantize/conversion_child.py": "writes to the folder that the conversion made",
    "quantize/scheme_makers.py": "writes to the conversion's folder for temporary files",
    "quantize/source_session.py": "writes to the conversion's folder for temporary files",
    "edgecnn/demo/training.py": "writes to the folder that run.py made",
    "edgecnn/golden/export.py": "a picture in memory",
    "devices/ssh/sftp.py": "a file on a device, whose upload has a rule of its own",
    "devices/setup/wheels.py": "packed_wheels() calls it inside of writing()",
    "edgecnn/classification/assets.py": "fetch_web_assets() calls it inside of writing()",
}


def writes_outside_the_rule(tree: ast.AST, inside: bool = False) -> Iterator[int]:
    """Yield the lines of calls that write a file and are in no block of the rule."""
    for node in ast.iter_child_nodes(tree):
        within = inside
        if isinstance(node, ast.With):
            managers = [item.context_expr for item in node.items]
            names = {ast.unparse(each.func) for each in managers if isinstance(each, ast.Call)}
            within = inside or bool(names & RULE)
        if isinstance(node, ast.Call) and not within and writes(node):
            yield node.lineno
        yield from writes_outside_the_rule(node, within)


def writes(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    modes = [each.value for each in call.args if isinstance(each, ast.Constant)]
    for_writing = any(isinstance(mode, str) and mode[:1] in "wax" for mode in modes if mode)
    return name in WRITERS or (name == "open" and (for_writing or "r+b" in modes))


def test_all_code_writes_by_the_rule() -> None:
    sources = {
        str(path.relative_to(ROOT)): path
        for folder in ("edgecnn", "models", "quantize", "devices")
        for path in (ROOT / folder).rglob("*.py")
        if not path.is_relative_to(ROOT / folder / folder)
    }
    found = {
        name
        for name, path in sources.items()
        if name != "edgecnn/core/files.py"
        and any(writes_outside_the_rule(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == set(OTHERS_ANSWER_FOR)
