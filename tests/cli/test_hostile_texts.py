"""Hostile texts in every field of a record and in every name of a file, through every output."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

import edgecnn
from edgecnn.cli.failures import print_error
from edgecnn.cli.main import run
from edgecnn.core.errors import InputError
from edgecnn.core.escaping import printable
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.model_metadata.writing import with_metadata
from edgecnn.records.record import FIELDS, MeasurementWarning, Record
from edgecnn.snippets.snippet import PLATFORMS
from edgecnn.store.store import Store
from edgecnn.tflite.writing import pack, unpack

from ..hostile_texts import FORGED, HOSTILE_TEXTS, READABLE, unseen  # noqa: TID252
from ..store.records import made_record  # noqa: TID252

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ALL_TEXTS = [*HOSTILE_TEXTS.values(), READABLE]
FORMULA = re.compile(r"[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


Done = subprocess.CompletedProcess[str]


def hostile_record(text: str, number: int) -> Record:
    """A record with a text in each field that takes it."""
    warnings = (MeasurementWarning(text, text, text),)
    figures = {"data": "digits", "images": 400, "top1_percent": 90.0, "model_bytes": 1000 + number}
    record = made_record(warnings=warnings, model_sha256=f"{number:064x}", **figures)
    for name, field in FIELDS.items():
        if field.kind is not str or field.is_tuple or name in ("model_sha256", "measured_at"):
            continue
        try:
            record = Record.from_dict({**record.to_dict(), name: text})
        except InputError:
            continue  # a moment or a digest, which reading a record checks
    return record


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "results.sqlite"
    results = Store(path)
    for number, text in enumerate(ALL_TEXTS):
        results.add(hostile_record(text, number))
    with sqlite3.connect(path) as database:
        # Tags with other characters are damage, which another test is about.
        tags = [(n, t) for n, t in enumerate(ALL_TEXTS, 1) if t.isprintable() and not t.isdigit()]
        database.executemany("INSERT INTO edgecnn_tags VALUES (?, ?)", tags)
    return path


@pytest.fixture()
def run_here(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command in this process, as ``main`` does."""

    def run_it(*arguments: object) -> Done:
        capfd.readouterr()
        code = run([*map(str, arguments)])
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run_it


@pytest.fixture(scope="module")
def sides(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same records twice, as files to be compared; the second ones are slower."""
    folder = tmp_path_factory.mktemp("sides")
    kept = [each.record.to_dict() for each in Store(store).records()]
    slower = [{**v, "latency_samples_ms": [5.0, 6.0, 7.0], "runs": 3} for v in kept]
    for name, values in (("base", kept), ("new", slower)):
        for each in values:
            each |= {"hits_top1": None, "hits_top5": None}
        (folder / f"{name}.json").write_text(json.dumps(values))
    return folder / "base.json", folder / "new.json"


def assert_harmless(done: Done, code: int = 0) -> None:
    assert done.returncode == code, done.stderr
    printed = done.stdout + done.stderr
    assert unseen(printed) == set()
    assert not [line for line in printed.splitlines() if line.startswith(FORGED)]
    assert "internal error" not in printed


def test_every_text_field_is_tried() -> None:
    record = hostile_record(HOSTILE_TEXTS["script"], 0)
    texts = [name for name, field in FIELDS.items() if field.kind is str and not field.is_tuple]
    hostile = [name for name in texts if getattr(record, name) == HOSTILE_TEXTS["script"]]
    assert {"model", "device", "cpu", "board", "os", "kernel", "governor", "runtime"} <= {*hostile}
    assert len(hostile) > len(texts) / 2


def test_lists(store: Path, run_here: Any) -> None:
    done = run_here("results", "list", "--store", store)
    assert_harmless(done)
    assert READABLE in done.stdout
    assert HOSTILE_TEXTS["rich"] in done.stdout


@pytest.mark.parametrize("number", range(1, len(ALL_TEXTS) + 1))
def test_a_record_that_is_shown(number: int, store: Path, run_here: Any) -> None:
    done = run_here("results", "show", number, "--store", store)
    assert_harmless(done)
    text = ALL_TEXTS[number - 1]
    assert f"device{' ' * (len(max(FIELDS, key=len)) - 6)}  {printable(text)}" in done.stdout


@pytest.mark.parametrize("arguments", [("list", "--json"), ("show", "5", "--json"), ("export",)])
def test_json(arguments: tuple[str, ...], store: Path, run_here: Any) -> None:
    done = run_here("results", *arguments, "--store", store)
    assert_harmless(done)
    assert done.stdout.isascii()
    value = json.loads(done.stdout, parse_constant=pytest.fail)
    json.dumps(value, ensure_ascii=False).encode()  # no half of a surrogate pair


def test_csv(store: Path, tmp_path: Path, run_here: Any) -> None:
    done = run_here("results", "export", "--format", "csv", "--store", store)
    assert_harmless(done)
    assert_rows(done.stdout)
    done = run_here("report", "-o", tmp_path / "r.csv", "--store", store)
    assert_harmless(done)
    assert_rows((tmp_path / "r.csv").read_text(encoding="utf-8"))


def assert_rows(text: str) -> None:
    """Every record is one row, without formulas, and numbers are as they were."""
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert len(rows) == len(HOSTILE_TEXTS) + 1 == len(text.splitlines()) - 1
    assert {row["latency_p50_ms"] for row in rows} == {"3.0"}
    assert not [cell for row in rows for cell in row.values() if FORMULA.match(cell)]
    assert sum(READABLE in row["device"] for row in rows) == 1


def test_a_report_in_markdown(store: Path, tmp_path: Path, run_here: Any) -> None:
    assert_harmless(run_here("report", "-o", tmp_path / "r.md", "--store", store))
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert unseen(text) == set()
    assert_only_text(text)


def assert_only_text(markdown: str) -> None:
    """A reader of Markdown sees headings, lists, tables and bold words, and all of them ours."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    block = r"(heading|paragraph|list_item|bullet_list|table|thead|tbody|tr|th|td)_(open|close)"
    assert {t.type for t in tokens if not re.fullmatch(block, t.type)} <= {"inline"}
    parts = [part for token in tokens for part in token.children or []]
    kinds = {"text", "text_special", "html_inline", "strong_open", "strong_close"}
    assert {part.type for part in parts} - {"softbreak"} <= kinds
    assert {part.content for part in parts if part.type == "html_inline"} <= {"<!-- -->"}
    words = r"(?<!\w)@\w|(?<!\w)#\d|GH-\d|https?://evil|www\.evil|:bomb:"
    linked = re.compile(words)
    assert not [part.content for part in parts if linked.search(part.content)]


def test_a_comparison(sides: tuple[Path, Path], tmp_path: Path, run_here: Any) -> None:
    gate = ("--fail-if", "latency_p50_ms > +5%")
    done = run_here("compare", *sides, *gate, "--force")
    assert_harmless(done, done.returncode)
    assert READABLE in done.stdout
    documents = ("--markdown", tmp_path / "c.md", "--junit", tmp_path / "c.xml")
    done = run_here("compare", *sides, *gate, "--force", *documents)
    assert_harmless(done, done.returncode)
    assert_only_text((tmp_path / "c.md").read_text(encoding="utf-8"))
    suites = ElementTree.fromstring((tmp_path / "c.xml").read_bytes())
    names = " ".join(suite.get("name", "") for suite in suites)
    assert [t for t in HOSTILE_TEXTS.values() if "/" not in t and printable(t) not in names] == []


def test_a_page_runs_nothing(browser: Browser, store: Path, tmp_path: Path) -> None:
    edgecnn.report(store=str(store), output=tmp_path / "r.html", title=HOSTILE_TEXTS["script"])
    page = browser.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: wrong.append(request.url))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto((tmp_path / "r.html").as_uri())
    page.wait_for_selector("#years-card svg, #years-card .missing")
    for select in page.query_selector_all("select"):
        if select.is_visible():
            select.select_option(index=1)
    assert page.title() == HOSTILE_TEXTS["script"]
    assert page.query_selector("main img, main script, main a, svg image, svg a") is None
    assert unseen(page.inner_text("main")) <= {"\t"}  # between the cells of a table
    assert [text for text in wrong if not text.startswith(("file:", "data:", "blob:"))] == []
    page.close()


def test_pictures_are_xml(store: Path, tmp_path: Path) -> None:
    for record in Store(store).records():
        path = tmp_path / "r.json"
        path.write_text(json.dumps([record.record.to_dict()]))
        edgecnn.report(str(path), output=tmp_path / "r.svg")
        drawn = ElementTree.fromstring((tmp_path / "r.svg").read_bytes())
        assert not [each for each in drawn.iter() if each.tag.endswith(("}script", "}a"))]


@pytest.fixture(scope="module", params=range(0, len(HOSTILE_TEXTS), 5))
def file(request: Any, tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Path:
    """A file that has another hostile text in each place where a ``.tflite`` file has one."""
    texts = itertools.islice(itertools.cycle(HOSTILE_TEXTS.values()), request.param, None)
    path: Path = colour_model(tmp_path_factory.mktemp("file") / "model.tflite")
    model: Any = unpack(path.read_bytes())
    model.description = next(texts).encode(errors="surrogatepass")
    for graph in model.subgraphs:
        graph.name = next(texts).encode(errors="surrogatepass")
        for tensor in graph.tensors:
            tensor.name = next(texts).encode(errors="surrogatepass")
    path.write_bytes(pack(model, path.stat().st_size))
    image, answer = (
        TensorMetadata(next(texts), next(texts), (0.0,), (255.0,), "RGB"),
        TensorMetadata(next(texts), next(texts), label_files=("labels.txt",)),
    )
    about = ModelMetadata(*(next(texts) for _ in range(5)), inputs=(image,), outputs=(answer,))
    labels = "".join(f"{number} {' '.join(next(texts).split())}\n" for number in range(3))
    packed = {"labels.txt": labels.encode(errors="replace")}
    path.write_bytes(with_metadata(path.read_bytes(), about, packed))
    return path


def commands(file: Path, image: Path) -> Iterator[tuple[object, ...]]:
    yield "inspect", file
    yield "inspect", "--json", file
    yield "summary", file
    yield "metadata", "show", file
    yield "metadata", "show", "--json", file
    yield "verify", file
    yield "try", file, image
    yield "try", "--json", file, image
    yield "bench", file, "--runs", "1", "--min-time", "0", "--no-store"
    for platform in PLATFORMS:
        yield "snippet", file, "--for", platform


def test_names_and_metadata_of_files(file: Path, tmp_path: Path, run_here: Any) -> None:
    from PIL import Image

    Image.new("RGB", (4, 4), "red").save(tmp_path / "red.png")
    for arguments in commands(file, tmp_path / "red.png"):
        done = run_here(*arguments)
        assert_harmless(done, done.returncode)
        assert done.stdout or len(done.stderr.splitlines()) == 1, arguments
        if "--json" in arguments and done.stdout:
            value = json.loads(done.stdout, parse_constant=pytest.fail)
            json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("kind", ["escapes", "lines", "direction", "surrogates", "rich"])
def test_names_of_paths(kind: str, tmp_path: Path, colour_model: Any, run_here: Any) -> None:
    name = HOSTILE_TEXTS[kind].replace("/", "_").encode(errors="surrogatepass")
    broken = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name + b".tflite"))
    absent = broken.with_name(f"{broken.stem}.keras")
    colour_model(broken)
    for arguments in (
        ("inspect", broken), ("summary", broken), ("verify", broken), ("summary", absent),
        ("metadata", "set", broken, "--author", "me"), ("bench", absent), ("convert", absent),
        ("metadata", "strip", broken),
        *(("snippet", broken, "--preprocess", "unit", "--for", each) for each in PLATFORMS),
    ):  # fmt: skip
        done = run_here(*arguments)
        assert_harmless(done, done.returncode)
        assert len(done.stderr.splitlines()) <= 1, done.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_errors_of_others(
    debug: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_DEBUG", "1" if debug else "")
    for text in HOSTILE_TEXTS.values():
        error = InputError(f"Keras says: {text}")
        error.add_debug(f"its last lines:\n\t{text}")
        print_error(error)
        _, printed = capfd.readouterr()
        assert unseen(printed) == set()
        assert debug or len(printed.splitlines()) == 1
        assert printed.splitlines()[-1].startswith("edgecnn: Keras says: ")


PROGRESS = """
import sys, time
from edgecnn.cli.progress import PhaseProgress
with PhaseProgress() as progress:
    progress(sys.argv[1])
    time.sleep(0.3)
    progress.say(sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
@pytest.mark.fresh_processes
def test_a_line_of_progress() -> None:
    import pty

    for text in (HOSTILE_TEXTS["escapes"], HOSTILE_TEXTS["rich"]):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-c", PROGRESS, text]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
        done = subprocess.run(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        shown = os.read(ours, 1 << 16).decode()
        os.close(ours)
        os.close(theirs)
        assert done.returncode == 0
        assert shown.count(printable(text)) >= 2
        assert not re.search("\x1b\\]|\x07|\x9b|\x1b\\[[0-9;]*31m", shown)


@pytest.mark.fresh_processes
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_an_encoding_without_these_letters(encoding: str, store: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for arguments in (["list"], ["show", str(len(ALL_TEXTS))], ["export", "--format", "csv"]):
        done = subprocess.run(
            [sys.executable, "-m", "edgecnn", "results", *arguments, "--store", str(store)],
            capture_output=True, env=environment,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        shown = READABLE.encode(encoding, "backslashreplace")
        assert shown in done.stdout
