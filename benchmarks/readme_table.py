"""The README's table of results: models in each scheme on this machine, by `edgecnn bench`.

    python benchmarks/readme_table.py
    python benchmarks/readme_table.py --models NAME=FILE.keras,tf --photos FOLDER

Registered models have random weights, so they have no accuracy. Keras files are converted with 200
of the photographs (a folder with images/ and val_map.txt) and classify the others. Size is of the
file; p50 the median of single-image calls on one thread; peak memory the process', the runtime's
included.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import edgecnn
from edgecnn.core.files import write_json
from edgecnn.core.text import size_text, three_digits
from edgecnn.data.datasets import open_dataset, sample_indices
from edgecnn.data.image_files import ImageFiles
from edgecnn.records.record import Record

NAMES = (
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "mobilenet_v4_conv_small",
    "efficientnet_lite0",
    "resnet50",
)
SCHEMES = ("float32", "float16", "dynamic", "int8")
"""int16x8 has no fast kernels on most CPUs: it takes twenty to fifty times as long."""

FITTED = 200
"""Photographs that conversion may look at; accuracy is measured on the others."""

HEAD = "| model | scheme | size | p50, ms | peak memory | top-1 |\n|---|---|---:|---:|---:|---:|"

log = Console(stderr=True)


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", nargs="*", default=NAMES, help="registered models")
    parser.add_argument("--schemes", nargs="+", default=SCHEMES)
    parser.add_argument("--models", nargs="+", default=[], help="NAME=FILE.keras[,preprocess]")
    parser.add_argument("--photos", type=Path, help="labelled photographs for --models")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument(
        "--folder", type=Path, help="keep converted files here; they are used again"
    )
    parser.add_argument("--json", type=Path, help="write the records there")
    options = parser.parse_args()
    records: list[tuple[str, Record]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for entry in options.models:
            records += of_file(entry, options, folder, Path(temporary))
    for name in options.names:
        records += of_name(name, options)
    if options.json:
        write_json(options.json, [record.to_dict() for _, record in records])
    print(table(records))


def of_name(name: str, options: argparse.Namespace) -> list[tuple[str, Record]]:
    """Measure a registered model; bench converts it, once and for all."""
    log.print(f"{name} ...")
    found = edgecnn.bench(name, quantize=options.schemes, runs=options.runs)
    return [(name, record) for record in found]


def of_file(
    entry: str, options: argparse.Namespace, folder: Path, temporary: Path
) -> list[tuple[str, Record]]:
    """Convert a Keras file and measure its files, with accuracy where there are photographs."""
    name, _, rest = entry.partition("=")
    file, _, preprocess = rest.partition(",")
    fitted, judged = split(options.photos, temporary) if options.photos else (None, None)
    files = [folder / f"{Path(file).stem}_{scheme}.tflite" for scheme in options.schemes]
    if not all(made.exists() for made in files):
        log.print(f"{name}: converting ...")
        edgecnn.convert(
            file,
            quantize=options.schemes,
            calibrate=fitted,
            preprocess=preprocess or None,
            resize="crop",
            output=folder,
        )
    log.print(f"{name} ...")
    found = edgecnn.bench(files, data=judged, runs=options.runs)
    return [(name, record) for record in found]


def split(photos: Path, temporary: Path) -> tuple[Path, Path]:
    """Return two folders of links: what conversion sees, and what accuracy is measured on."""
    dataset = open_dataset(photos)
    assert isinstance(dataset, ImageFiles) and dataset.labels is not None
    fitted = set(sample_indices(dataset, FITTED))
    folders = (temporary / "fitted", temporary / "judged")
    for folder in folders:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        (folder / "val_map.txt").write_text("")
    for number, label in enumerate(dataset.labels):
        folder = folders[number not in fitted]
        path = dataset.paths[number]
        link = folder / "images" / f"{number}{path.suffix}"
        if not link.exists():
            link.symlink_to(path.resolve())
        with (folder / "val_map.txt").open("a") as listed:
            listed.write(f"{link.name} {label}\n")
    return folders


def table(records: Sequence[tuple[str, Record]]) -> str:
    """Return the table, and what it was measured on and when."""
    lines, before = [HEAD], ""
    for name, record in records:
        accuracy = "" if record.top1_percent is None else f"{record.top1_percent:.1f} %"
        cells = [
            name if name != before else "",
            record.scheme,
            size_text(record.model_bytes),
            three_digits(record.latency_p50_ms),
            size_text(record.peak_rss_bytes) if record.peak_rss_bytes else "",
            "" if is_random(record) else accuracy,
        ]
        lines.append(f"| {' | '.join(cells)} |")
        before = name
    return "\n".join([*lines, "", machine([record for _, record in records])])


def is_random(record: Record) -> bool:
    """Say whether a record is of random weights, whose accuracy is chance."""
    return any(warning.code == "random-weights" for warning in record.warnings)


def machine(records: Sequence[Record]) -> str:
    """Return one line: day, machine, runtime, images."""
    first = records[0]
    images = {f"{record.images} photographs" for record in records if record.images}
    parts = [
        first.measured_at[:10],
        f"{first.cores} cores of {first.cpu}",
        f"{first.runtime} {first.runtime_version}",
        "one thread",
        *sorted(images),
    ]
    line = f"({', '.join(parts)})"
    if any(record.scheme == "mixed" for record in records):
        line += '\n\n"mixed" is int8 whose first layers stay in float32, where that costs nothing.'
    return line


if __name__ == "__main__":
    main()
