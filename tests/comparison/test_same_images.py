"""Two files on the same images: paired by what each record keeps of every image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.accuracy.image_by_image import packed_hits
from edgecnn.accuracy.shares import paired_difference
from edgecnn.comparison.changes import Change, changes_of
from edgecnn.comparison.compare import compare
from edgecnn.comparison.pairing import paired
from edgecnn.core.errors import InputError
from edgecnn.records.record import Record
from edgecnn.store.store import Store

IMAGES = 1000


def judged(make_run: Any, hits: Any, digest: str = "d" * 64, **changes: Any) -> Record:
    """Return a record of a file that is right on these of 1,000 images."""
    return make_run(
        3.0,
        **{
            "data": "photos", "images": IMAGES, "images_sha256": digest,
            "hits_top1": packed_hits(hits), "top1_percent": 100 * float(hits.mean()), **changes,
        },
    )  # fmt: skip


def changes(base: Record, new: Record, *, force: bool = False) -> dict[str, Change]:
    (pair,) = paired([base], [new], force=force)
    return {change.metric: change for change in changes_of(pair)}


@pytest.fixture
def sides(make_run: Any) -> tuple[Record, Record]:
    """Of 1,000 images 800 are right; of the new file's answers 28 got worse and 2 better."""
    hits = np.arange(IMAGES) < 800
    after = hits.copy()
    after[:28], after[800:802] = False, True
    return judged(make_run, hits, model_sha256="a" * 64), judged(
        make_run, after, model_sha256="b" * 64
    )


def test_records_of_the_same_images_are_paired_without_being_told(
    sides: tuple[Record, Record],
) -> None:
    change = changes(*sides)["top1_percent"]
    low, high = paired_difference(772, 2, 28, 198, confidence=0.99)
    assert change.interval is not None
    assert change.interval.low == pytest.approx(100 * low)
    assert change.interval.high == pytest.approx(100 * high)
    assert change.interval.change == pytest.approx(-2.6)
    assert change.verdict == "worse"
    back = changes(sides[1], sides[0])["top1_percent"]
    assert back.verdict == "better"


def test_top_5_is_paired_as_well(make_run: Any) -> None:
    right = np.arange(IMAGES) < 900
    fewer = right.copy()
    fewer[:10] = False
    base, new = (
        judged(
            make_run, right, hits_top5=packed_hits(hits), top5_percent=100 * float(hits.mean()),
            model_sha256=digest * 64,
        )
        for digest, hits in (("a", right), ("b", fewer))
    )  # fmt: skip
    interval = changes(base, new)["top5_percent"].interval
    low, high = paired_difference(890, 0, 10, 100, confidence=0.99)
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(100 * low), pytest.approx(100 * high))


def test_older_records_have_an_interval_for_different_images(
    sides: tuple[Record, Record], make_run: Any
) -> None:
    from dataclasses import replace

    older = replace(sides[1], hits_top1=None, images_sha256=None)
    found, paired_one = changes(sides[0], older)["top1_percent"], changes(*sides)["top1_percent"]
    assert found.verdict == "no difference seen"
    assert found.interval is not None and paired_one.interval is not None
    assert found.interval.low < paired_one.interval.low


def test_other_images_under_the_same_name_are_not_compared(make_run: Any) -> None:
    hits = np.arange(IMAGES) < 800
    base, new = judged(make_run, hits), judged(make_run, hits, digest="e" * 64)
    with pytest.raises(InputError, match="others, or other labels, under the same name"):
        changes(base, new)
    change = changes(base, new, force=True)["top1_percent"]
    # The file is the same one, and its share too: of other images this says little.
    assert change.interval is not None and change.interval.low < 0 < change.interval.high


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures of noise in three folders: a colour's share decides which are right."""
    folder, draw = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for number in range(40):
        label = folder / f"colour {number % 3}"
        label.mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (4, 4, 3), np.uint8)).save(label / f"{number}.png")
    return folder


def test_a_bench_keeps_what_pairs_its_files(
    colour_model: Any, photos: Path, tmp_path: Path
) -> None:
    """The bits are those of the answers, and two benches of the same images pair as one does."""
    float32 = colour_model(tmp_path / "float32.tflite")
    uint8 = colour_model(tmp_path / "uint8.tflite", dtype="uint8")
    seen: dict[str, Any] = {}
    options: Any = {
        "data": photos, "preprocess": "raw", "runs": 2, "min_time_s": 0,
        "on_accuracy": lambda record, accuracy: seen.update({record.model: accuracy.answers}),
    }  # fmt: skip
    together = edgecnn.bench([float32, uint8], **options)
    apart = [edgecnn.bench(path, **options)[0] for path in (float32, uint8)]
    for record in (*together, *apart):
        correct = seen[record.model].correct
        assert record.images == len(correct) == 40
        assert record.hits_top1 == packed_hits(correct)
    assert len({record.images_sha256 for record in (*together, *apart)}) == 1
    right = [seen[record.model].correct for record in together]
    cells = [
        int((one & other).sum()) for one in (right[1], ~right[1]) for other in (right[0], ~right[0])
    ]
    low, high = paired_difference(cells[0], cells[1], cells[2], cells[3], confidence=0.99)
    for base, new in (together, apart):
        interval = changes(base, new)["top1_percent"].interval
        assert interval is not None
        assert (interval.low, interval.high) == (
            pytest.approx(100 * low), pytest.approx(100 * high),
        )  # fmt: skip


def test_kept_results_are_paired_after_the_store_and_a_json_file(
    sides: tuple[Record, Record], tmp_path: Path
) -> None:
    store = Store(tmp_path / "results.sqlite")
    numbers = [store.add(record) for record in sides]
    names = [tmp_path / "base.json", tmp_path / "new.json"]
    for name, record in zip(names, sides, strict=True):
        name.write_text(json.dumps([record.to_dict()]))
    by_number = compare(*map(str, numbers), store=tmp_path / "results.sqlite")
    by_file = compare(*map(str, names))
    for comparison in (by_number, by_file):
        (compared,) = comparison.pairs
        verdicts = {change.metric: change.verdict for change in compared.changes}
        assert verdicts["top1_percent"] == "worse"
