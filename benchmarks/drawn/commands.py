"""Every command on a task's file, as a user would give it, and what each one prints."""

from __future__ import annotations

from pathlib import Path

from .files_made import command, of_edgecnn
from .samples import Place
from .tasks import Task

PAGE_LINES = 60
"""Of what a command prints, at most so many are kept."""
QUICK = ("--runs", "5", "--min-time", "0.05")
"""For ``bench``, whose figures of speed are not looked at."""
LANGUAGES = ("python", "android")


def transcript(task: Task, place: Place) -> str:
    """Return, as a document, what each command answers on a task's int8 file, which is made."""
    root = place.root
    (root / "files" / f"{task.name}.tflite").unlink(missing_ok=True)
    made, converted = of_edgecnn(task, place)
    file = f"files/{task.name}.tflite"
    source = f"models/{task.name}.keras"
    parts = [
        f"# {task.name}: {task.what}",
        _block(made is None, converted, ("convert", source, *task.options)),
    ]
    if made is None:
        return "\n\n".join(parts) + "\n"
    data = place.data(task.data).relative_to(root)
    judging = [word.format(data=data) for word in task.judging]
    asked: list[tuple[str, ...]] = [("inspect", file), ("metadata", "show", file), ("verify", file)]
    results, page = f"files/{task.name}.json", f"files/{task.name}.report.md"
    bench = ("bench", file, "--no-store", *QUICK, "--json", results)
    asked += [
        bench,
        *((*bench, "--data", str(data / labelled), *judging) for labelled in task.labelled),
    ]
    asked += [
        ("report", results, "-o", page),
        ("try", file, *_tried(task, root)),
        *(("snippet", file, "--for", language) for language in LANGUAGES),
    ]
    parts += [_block(*command(*words, folder=root), words) for words in asked]
    if (root / page).exists():
        parts.append((root / page).read_text())
    return "\n\n".join(parts) + "\n"


def _tried(task: Task, root: Path) -> list[str]:
    """Return the samples that a user would try a file on."""
    if not task.preprocess:
        return [f"data/{task.data.name}/test.npz"]
    folder = root / "data" / task.data.name / task.calibration
    images = sorted(each for each in folder.rglob("*") if each.suffix in (".png", ".jpg"))
    return [str(each.relative_to(root)) for each in images[:2]]


def _block(status: int, said: str, words: tuple[str, ...]) -> str:
    lines = said.splitlines()
    kept = lines[:PAGE_LINES] + (["..."] if len(lines) > PAGE_LINES else [])
    heading = f"$ edgecnn {' '.join(words)}   [exit {status:d}]"
    return "\n".join([heading, "", *(f"    {line}" for line in kept)])
