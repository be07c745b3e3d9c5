"""Which measurements are comparable: their conditions, and the data of their accuracy.

There are five different questions, and each is answered in this module alone:

- :class:`Conditions`: may the speed of two measurements be compared?
- :class:`LabelledData`: may their accuracy be compared as well?
- :func:`geometry_differences`: did a model see its images in the same way?
- :func:`give_same_answers`: must their accuracy be the same, whatever the speed?
- :func:`identity_of`: does the newer one take the place of the older one?
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, fields
from typing import TypeVar

from edgecnn.core.text import counted
from edgecnn.records.fields import EMULATED_MARK
from edgecnn.records.leading import TOP1, LeadingFigure
from edgecnn.records.record import Outline, Record

Measured = TypeVar("Measured", bound=Outline)


@dataclass(frozen=True)
class Conditions:
    """The conditions of a measurement: if one differs, a change of speed is not the model's alone.

    They are the fields of :class:`~edgecnn.records.record.Record` with the role of a condition,
    except those about accuracy.

    Args:
        device: Name of the device.
        cpu: Name of the processor.
        architecture: Instruction set of the kernel.
        emulated: Whether the CPU is known to be emulated.
        runtime: Package of the runtime.
        runtime_version: Version of the runtime.
        threads: Threads of the runtime.
        cpus: CPUs that the model was kept on; None if the system chose them.
        usable_cpus: CPUs that the runner could use where these were fewer; None if it was free.
        protocol: Rules of the measurement; None for the default ones.
        signature: Signature that was called; None where the file leaves no choice.
        input_shapes: Shapes that inputs of open shape were given; None where the file says them.
    """

    device: str
    cpu: str
    architecture: str
    emulated: bool
    runtime: str
    runtime_version: str
    threads: int
    cpus: str | None
    usable_cpus: float | None
    protocol: str | None
    signature: str | None
    input_shapes: str | None

    @classmethod
    def of(cls, record: Outline) -> Conditions:
        """Return the conditions of a measurement.

        Example:
            >>> Conditions.of(record).threads
            1
        """
        values = {name: getattr(record, name) for name in CONDITION_NAMES}
        # Records of versions that did not look for an emulator have None.
        return cls(**{**values, "emulated": bool(record.emulated)})

    def differences(self, other: Conditions) -> tuple[str, ...]:
        """Return the conditions that differ, each as ``"threads: 1 and 2"``.

        Example:
            >>> Conditions.of(free).differences(Conditions.of(pinned))
            ('cpus: any and 0',)
        """
        return _different((name, self._text(name), other._text(name)) for name in CONDITION_NAMES)

    @property
    def setting(self) -> str:
        """What was chosen: ``"2 threads on CPUs 0,1, mlperf-single-stream"``."""
        return f"{counted(self.threads, 'thread')}{self.restrictions}"

    @property
    def restrictions(self) -> str:
        """All choices but the threads: ``" on CPU 0, mlperf-single-stream"``, or empty."""
        many = "s" if "," in (self.cpus or "") else ""
        where = "" if self.cpus is None else f" on CPU{many} {self.cpus}"
        usable = self.usable_cpus
        left = "" if usable is None else f" with {counted(usable, 'usable CPU')}"
        rules = "" if self.protocol is None else f", {self.protocol}"
        called = "" if self.signature is None else f", signature {self.signature}"
        shapes = self.input_shapes
        given = "" if shapes is None else f", input {shapes}"
        return where + left + rules + called + given

    def _text(self, name: str) -> str:
        value = getattr(self, name)
        if value is None:
            return ABSENT[name]
        if isinstance(value, float):
            return f"{value:g}"
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


ABSENT = {
    "cpus": "any",
    "usable_cpus": "all",
    "protocol": "default",
    "signature": "the only one",
    "input_shapes": "the file's own",
}
"""Condition that may be None -> what None stands for."""

CONDITION_NAMES = tuple(field.name for field in fields(Conditions))


@dataclass(frozen=True)
class LabelledData:
    """What an accuracy was measured on, and by which figure.

    Another number of images is other data, and no two figures are compared: neither mIoU with mAP,
    nor the mean error of one output with that of another.

    Args:
        name: Name of the data.
        images: Number of images, or of other samples, that were given to the model.
        figure: Name of the leading figure of accuracy.
    """

    name: str
    images: int
    figure: str = TOP1

    @classmethod
    def of(cls, record: Outline) -> LabelledData | None:
        """Return the data of a measurement; None where no accuracy was measured."""
        if record.data is None:
            return None
        leading = LeadingFigure.of(record)
        return cls(record.data, record.images or 0, TOP1 if leading is None else leading.name)

    def differences(self, other: LabelledData) -> tuple[str, ...]:
        """Return what differs between the data, each as ``"images: 100 and 1000"``."""
        return _different((
            ("data", self.name, other.name),
            ("images", self.images, other.images),
            ("figure of accuracy", self.figure, other.figure),
        ))  # fmt: skip

    def __str__(self) -> str:
        """Return a text for people: ``"364 images of digits"``, ``"80 samples of voc (mIoU)"``."""
        if self.figure == TOP1:
            return f"{self.images:,} images of {self.name}"
        return f"{self.images:,} samples of {self.name} ({self.figure})"


def identity_of(record: Outline) -> Hashable:
    """Return what tells measurements apart: of those with the same identity the newest counts.

    It is the file, all fields with the role of a condition, and so also the file of ``--against``.
    """
    file = measured_file(record)
    data = (LabelledData.of(record), record.image_geometry)
    return file, Conditions.of(record), data, record.against_sha256


def processor_text(record: Record) -> str:
    """Return the processor that a record was measured on: ``"Raspberry Pi 5, Cortex-A76"``."""
    board = f"{record.board}, " if record.board not in (None, record.cpu) else ""
    return f"{board}{record.cpu}{f' {EMULATED_MARK}' if record.emulated else ''}"


def measured_file(record: Outline) -> tuple[str, str]:
    """Return a key of the measured file that does not change when the file is made anew.

    The name of an architecture stands for many files; these are told apart by their hashes.

    Returns:
        Path or hash of the file, and its scheme.

    Example:
        >>> measured_file(record)
        ('nets/model.tflite', 'int8')
    """
    is_file = record.model.endswith(".tflite")
    return record.model if is_file else record.model_sha256, record.scheme


def geometry_differences(one: Outline, other: Outline) -> tuple[str, ...]:
    """Return how two measurements of a model brought images to its size, if it was differently.

    Each model may want its own, so that this is no reason not to compare them; but where it is a
    mistake, it changes accuracy by points. Records of older versions do not say theirs, and differ
    from nothing.
    """
    texts = (one.image_geometry, other.image_geometry)
    return () if None in texts else _different([("images", *texts)])


def give_same_answers(one: Outline, other: Outline) -> bool:
    """Return whether two measurements classified the same images by the same computation.

    Threads, CPUs and the device do not matter: a file gives the same answers wherever the runtime
    and the instruction set are the same.
    """
    deciding = (
        "model_sha256", "runtime", "runtime_version", "architecture", "data", "images",
        "image_geometry",
    )  # fmt: skip
    return all(getattr(one, name) == getattr(other, name) for name in deciding)


def newest_of_each(
    measurements: Iterable[Measured], kind: Callable[[Measured], Hashable]
) -> list[Measured]:
    """Return the first measurement of each kind.

    Args:
        measurements: Measurements, the latest first.
        kind: Given a measurement, returns its kind.

    Example:
        >>> newest_of_each(store.listed(), Conditions.of)[0].latency_p50_ms
        3.28
    """
    newest: dict[Hashable, Measured] = {}
    for measurement in measurements:
        newest.setdefault(kind(measurement), measurement)
    return list(newest.values())


def _different(values: Iterable[tuple[str, object, object]]) -> tuple[str, ...]:
    return tuple(f"{name}: {one} and {other}" for name, one, other in values if one != other)
