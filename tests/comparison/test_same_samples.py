"""Two files of any kind on the same samples: paired by the same draws of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgecnn.accuracy.image_by_image import packed_draws, packed_hits, paired_draws
from edgecnn.accuracy.kinds.figures import KindFigure, mean_figure, share_figure
from edgecnn.accuracy.kinds.maps import mean_iou
from edgecnn.accuracy.shares import paired_difference, student_quantile
from edgecnn.comparison.changes import Change, changes_of
from edgecnn.comparison.pairing import paired
from edgecnn.core.errors import InputError
from edgecnn.records.record import Record
from edgecnn.records.recorded_figure import Unit

SAMPLES = 400
FIELDS_OF_UNIT = {
    Unit.PERCENT: ("metric_percent", "metric_low_percent", "metric_high_percent"),
    Unit.OUTPUT: ("mae_units", "mae_low_units", "mae_high_units"),
    Unit.DECIBEL: ("psnr_db", "psnr_low_db", "psnr_high_db"),
}


def judged(make_run: Any, figure: KindFigure, **changes: Any) -> Record:
    values = zip(FIELDS_OF_UNIT[figure.unit], (figure.value, figure.low, figure.high), strict=True)
    kept: dict[str, Any] = {"metric_draws": figure.drawn is not None and packed_draws(figure.drawn)}
    if figure.hits is not None:
        kept = {"hits_metric": packed_hits(figure.hits)}
    told = {"data": "dials", "images": SAMPLES, "images_sha256": "d" * 64, "metric": figure.name}
    return make_run(3.0, **{**told, **dict(values), **kept, **changes})


def change_of(base: Record, new: Record, name: str, *, force: bool = False) -> Change:
    (pair,) = paired([base], [new], force=force)
    return next(change for change in changes_of(pair) if change.metric == name)


@pytest.fixture(scope="module")
def errors() -> tuple[Any, Any]:
    """Errors that vary much from sample to sample, and such that are 1 % larger on average."""
    random = np.random.default_rng(3)
    base = random.gamma(1.0, 2.0, SAMPLES)
    return base, base * random.normal(1.02, 0.05, SAMPLES)


def test_a_small_loss_shows_on_the_same_samples(make_run: Any, errors: tuple[Any, Any]) -> None:
    base, new = (
        judged(make_run, mean_figure("MAE", Unit.OUTPUT, each), model_sha256=name * 64)
        for each, name in zip(errors, "ab", strict=True)
    )
    change = change_of(base, new, "mae_units")
    assert change.interval is not None
    assert (change.verdict, change.note) == ("worse", None)
    # The delta method: the deviation of new less the ratio times base, over the mean of base.
    ratio = errors[1].mean() / errors[0].mean()
    spread = np.std(errors[1] - ratio * errors[0], ddof=1) / errors[0].mean() / math.sqrt(SAMPLES)
    half = (change.interval.high - change.interval.low) / 2
    assert half == pytest.approx(2.588 * spread, rel=0.08)


def test_what_is_not_kept_is_said(make_run: Any, errors: tuple[Any, Any]) -> None:
    figures = [mean_figure("MAE", Unit.OUTPUT, each) for each in errors]
    base = judged(make_run, figures[0], model_sha256="a" * 64, metric_draws=None)
    new = judged(make_run, figures[1], model_sha256="b" * 64)
    change = change_of(base, new, "mae_units")
    assert change.verdict == "no difference seen"
    assert "as if on different samples" in (change.note or "")
    assert "as base does not say how it went on each sample" in (change.note or "")
    other = judged(make_run, figures[1], model_sha256="b" * 64, images_sha256="e" * 64)
    with pytest.raises(InputError, match="others, or other labels"):
        paired([base], [other], force=False)
    told = change_of(base, other, "mae_units", force=True).note
    assert told == "mae_units: compared as different samples, which they are"


def test_other_figures_are_not_compared(make_run: Any, errors: tuple[Any, Any]) -> None:
    sides = [judged(make_run, mean_figure(n, Unit.OUTPUT, errors[0])) for n in ("MAE", "x: MAE")]
    with pytest.raises(InputError, match="figure of accuracy: MAE and x: MAE"):
        paired(sides[:1], sides[1:], force=False)


def test_shares_of_samples_are_paired_as_top_1_is(make_run: Any) -> None:
    hits = np.arange(SAMPLES) < 300
    after = hits.copy()
    after[:12], after[300:302] = False, True
    sides = [
        judged(make_run, share_figure("recall@1", each), model_sha256=name * 64)
        for each, name in ((hits, "a"), (after, "b"))
    ]
    change = change_of(*sides, "metric_percent")
    low, high = paired_difference(288, 2, 12, 98, confidence=0.99)
    assert change.interval is not None
    assert change.interval.low == pytest.approx(100 * low)
    assert change.interval.high == pytest.approx(100 * high)


def test_a_figure_of_all_pixels_is_paired(make_run: Any) -> None:
    from edgecnn.accuracy.kinds.figures import resampled_figure

    random = np.random.default_rng(5)
    wanted = random.integers(50, 500, (SAMPLES, 3))
    sides = []
    for name, lost in (("a", 0.30), ("b", 0.31)):
        hard = random.beta(2, 5, (SAMPLES, 3)) if not sides else hard  # noqa: F821
        right = wanted * (1 - hard * lost)
        pixels = np.stack([right, wanted, wanted], axis=1).reshape(SAMPLES, -1)

        def miou(weights: Any, pixels: Any = pixels) -> Any:
            return mean_iou((weights @ pixels).reshape(-1, 3, 3))

        figure = resampled_figure("mIoU", Unit.PERCENT, miou, SAMPLES)
        sides.append(judged(make_run, figure, model_sha256=name * 64))
    change = change_of(*sides, "metric_percent")
    assert change.verdict == "worse" and change.interval is not None
    assert change.interval.high - change.interval.low < 0.2


def test_decibels_change_in_decibels(make_run: Any) -> None:
    random = np.random.default_rng(7)
    base = random.normal(30, 4, SAMPLES)
    sides = [
        judged(make_run, mean_figure("PSNR", Unit.DECIBEL, each), model_sha256=name * 64)
        for each, name in ((base, "a"), (base - random.normal(0.5, 0.2, SAMPLES), "b"))
    ]
    change = change_of(*sides, "psnr_db")
    assert change.verdict == "worse"
    assert change.change_text == f"{sides[1].psnr_db - sides[0].psnr_db:+.2f} dB"


def test_students_quantiles_are_those_of_the_tables() -> None:
    for free, wanted in ((4, 4.604), (10, 3.169), (30, 2.750), (1000, 2.581)):
        assert student_quantile(0.99, free) == pytest.approx(wanted, rel=0.02)


def test_damaged_draws_pair_nothing() -> None:
    whole = packed_draws(np.array([1.0, 2.0]))
    for text in ("?", whole[:4], packed_draws(np.array([1.0])), ""):
        assert paired_draws(text, whole) is None
    kept = paired_draws(packed_draws(np.array([np.nan, 2.0])), whole)
    assert kept is not None and [each.tolist() for each in kept] == [[2.0], [2.0]]
