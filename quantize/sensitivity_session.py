"""``edgecnn.sensitivity``: which layers an int8 file loses its accuracy in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.progress import Progress, silent
from edgecnn.core.temporary import temporary_folder
from edgecnn.core.text import sample_noun
from edgecnn.core.version import __version__
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.importing.custom_objects import CustomObjects
from edgecnn.models.build_options import BuildKeywords, BuildOptions
from edgecnn.quantize.calibration.images import DEFAULT_SAMPLES, MOST_HELD_OUT
from edgecnn.quantize.given_source import given_source
from edgecnn.quantize.messages import FROM_CHILD, ChildFinished, LayerMeasured
from edgecnn.quantize.output_paths import EndTypes
from edgecnn.quantize.recovery.advice import describe_fidelity
from edgecnn.quantize.request import CheckedRequest, Request
from edgecnn.quantize.sensitivity.advice import advise
from edgecnn.quantize.sensitivity.chart import check_plot, write_plot
from edgecnn.quantize.sensitivity.result import LayerSensitivity, Sensitivity
from edgecnn.quantize.source_session import SourceSession
from edgecnn.tflite.output_kinds import parse_tasks
from edgecnn.tflite.schemes import SCHEMES

if TYPE_CHECKING:
    from typing_extensions import Unpack

DEFAULT_IMAGES = 32


def sensitivity(
    source: Any,
    *,
    calibrate: str | Path | None = None,
    samples: int = DEFAULT_SAMPLES,
    images: int = DEFAULT_IMAGES,
    plot: str | Path | None = None,
    preprocess: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    resize: str | None = None,
    crop_fraction: float | None = None,
    interpolation: str | None = None,
    build: BuildOptions | None = None,
    trust: bool = False,
    signature: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    custom_objects: CustomObjects | None = None,
    task: str | Sequence[str] = (),
    on_progress: Progress | None = None,
    **options: Unpack[BuildKeywords],
) -> Sensitivity:
    """Measure for each layer what quantising it alone to int8 costs, the worst first.

    Each layer of the float file in turn gets its weights, its activation, or both in 8 bits, while
    all others stay float. The scores are compared with the float file's on images that the ranges
    were not taken from.

    Args:
        source: A model, as :func:`edgecnn.convert` takes it.
        calibrate: Representative data, as :func:`edgecnn.convert` takes it.
        samples: How many images of the representative data give the ranges.
        images: How many other images to measure on, 1 to 100.
        plot: A chart to write: ``.png``, ``.svg`` or ``.html``.
        preprocess: A preset of preprocessing, as :func:`edgecnn.convert` takes it.
        mean: Mean to subtract, instead of ``preprocess``: one value, or one a channel, in units of
            a pixel (0..255).
        std: Deviation to divide by, instead of ``preprocess``, as ``mean``.
        resize: How an image comes to the input's size, as :func:`edgecnn.convert` takes it.
        crop_fraction: With ``resize="crop"``, as :func:`edgecnn.convert` takes it.
        interpolation: The filter, as :func:`edgecnn.convert` takes it.
        build: How a name's architecture is built; its size is also for models that take any size.
        trust: As :func:`edgecnn.convert`.
        signature: As :func:`edgecnn.convert`.
        input_shapes: As :func:`edgecnn.convert`.
        custom_objects: As :func:`edgecnn.convert`.
        task: As :func:`edgecnn.convert`.
        on_progress: Called with (phase, done, total).
        options: Fields of ``build`` one by one, instead of it.

    Raises:
        InputError: The source, the data, an option or the chart's name cannot be used.
        MissingExtraError: A chart is asked for, and the packages that draw it are not installed.
        ConversionError: The model can't be quantised to int8.
        ChildCrashedError: The measurement crashed.

    Example:
        >>> edgecnn.sensitivity("model.keras", calibrate="photos/").layers[0].layer
        'conv_dw_2'
    """
    if not 1 <= images <= MOST_HELD_OUT:
        raise InputError(f"--images must be 1 to {MOST_HELD_OUT}, not {images}")
    with ExitStack() as stack:
        building = BuildOptions.of(build, **options)
        given = given_source(
            source,
            stack,
            trust=trust,
            size=building.size,
            signature=signature,
            input_shapes=input_shapes,
            custom_objects=custom_objects,
        )
        name = str(source) if isinstance(source, str | Path) else given.source.name
        target = None if plot is None else check_plot(plot, name)
        request = Request(
            source=given.source,
            schemes=[SCHEMES["int8"]],
            options=building,
            preprocessing=Preprocessing.of(
                preprocess, mean, std, resize, crop_fraction, interpolation
            ),
            ends=EndTypes(),
            calibrate=None if calibrate is None else str(calibrate),
            samples=samples,
            recover="off",
            on_progress=on_progress or silent,
            tasks=parse_tasks([task] if isinstance(task, str) else task),
        )
        result = dataclasses.replace(_measured(request, images), model=name)
        if target is not None:
            request.on_progress("draw", 0, 0)
            write_plot(result, target)
        return result


def _measured(request: Request, images: int) -> Sensitivity:
    checked = request.check()
    if not checked.has_samples:
        raise InputError(
            "sensitivity needs representative data: --calibrate FOLDER with a few dozen images "
            "that look like what the model will see"
        )
    with temporary_folder() as scratch:
        return _SensitivitySession(checked, scratch).measure(images)


class _SensitivitySession(SourceSession):
    """The parent's side of measuring: starts the child and gathers its rows."""

    def __init__(self, checked: CheckedRequest, scratch: Path) -> None:
        super().__init__(checked, scratch)
        self._rows: list[LayerSensitivity] = []

    def measure(self, images: int) -> Sensitivity:
        task = f"measuring {quoted(self.request.source.name)}"
        with self.start("edgecnn.quantize.sensitivity_child", task, images=images) as child:
            for message in child.messages(*FROM_CHILD):
                if isinstance(message, LayerMeasured):
                    self._rows.append(message.layer)
                elif isinstance(message, ChildFinished):
                    return self._result(message, images)
                self.handle(child, message)
        raise AssertionError("the child ended without a word")

    def _result(self, message: ChildFinished, images: int) -> Sensitivity:
        assert self.calibration is not None and message.plain is not None
        plain_db, agreement = message.plain.sqnr_db, message.plain.agreement
        layers = _shared_out(self._rows)
        return Sensitivity(
            model=self.request.source.name,
            layers=tuple(layers),
            images=message.images,
            calibration_images=self.calibration.fitted,
            plain_db=plain_db,
            plain_agreement=agreement,
            plain_words=describe_fidelity(message.plain),
            advice=tuple(advise(layers, plain_db, agreement)),
            warnings=self._notes(message.images, images),
            are_images=self.calibration.are_images,
            versions={"edgecnn": __version__, **self.source.versions},
        )

    def _notes(self, images: int, wanted: int) -> tuple[str, ...]:
        assert self.calibration is not None
        noun = sample_noun(are_images=self.calibration.are_images)
        notes = [*self.warnings, *self.source.notes, *self.calibration.warnings]
        if not self.calibration.held_out:
            notes.append(f"measured on the {noun}s that gave the ranges: there are no others")
        elif images < wanted:
            notes.append(f"measured on {images} {noun}s where {wanted} were asked for")
        return tuple(notes)


def _shared_out(rows: Sequence[LayerSensitivity]) -> list[LayerSensitivity]:
    """Sort rows by noise, and give each its share of the sum."""
    total = sum(row.noise for row in rows) or 1.0
    shared = [dataclasses.replace(row, share=row.noise / total) for row in rows]
    return sorted(shared, key=lambda row: (-row.share, row.place))
