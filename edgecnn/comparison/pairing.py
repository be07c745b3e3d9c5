"""Pairs of files that are compared, and the conditions that forbid a comparison."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from edgecnn.comparison.same_images import are_other_images
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.records.conditions import Conditions, LabelledData, geometry_differences
from edgecnn.records.record import CALIBRATION_IMAGES, Record


@dataclass(frozen=True)
class Pair:
    """Two files that are compared, with all runs of each.

    Args:
        base: Runs of one file under the same conditions, at least one.
        new: Runs of the other file under the same conditions, at least one.
        differences: Conditions that differ between the two: ``"threads: 1 and 2"``.
    """

    base: tuple[Record, ...]
    new: tuple[Record, ...]
    differences: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Names of the files, and how they ran: ``"a.tflite -> b.tflite, 1 thread on CPU 0"``."""
        firsts = (self.base[0], self.new[0])
        names = dict.fromkeys(PurePath(record.model).name for record in firsts)
        settings = dict.fromkeys(Conditions.of(record).setting for record in firsts)
        return f"{' -> '.join(names)}, {' -> '.join(settings)}"

    @property
    def notes(self) -> list[str]:
        """What to know of either side before trusting a change, one line each."""
        told: dict[str, None] = {}
        for side, records in (("base", self.base), ("new", self.new)):
            for record in records:
                if record.is_disturbed and (text := record.verdict_text):
                    told[f"the time of {side} is {text}"] = None
                told |= {f"{side}: {text}": None for text in record.messages_of(CALIBRATION_IMAGES)}
        return [*geometry_differences(self.base[0], self.new[0]), *told]


def paired(base: Sequence[Record], new: Sequence[Record], *, force: bool) -> list[Pair]:
    """Pair the records of two sides.

    If each side has one model, these two are compared whatever their names are. Otherwise models of
    the same file name and scheme are, since base and new usually lie in different folders.

    Args:
        base: Records of one side.
        new: Records of the other side.
        force: Compare records of different conditions, too.

    Raises:
        InputError: No records can be paired; the message says which conditions differ.
    """
    one_each = all(len({_named(record) for record in side}) == 1 for side in (base, new))
    models = [_grouped(side, lambda r: () if one_each else _named(r)) for side in (base, new)]
    pairs: list[Pair] = []
    for model in models[0].keys() & models[1].keys():
        pairs += _of_model(models[0][model], models[1][model], force=force)
    if not pairs:
        raise InputError("base and new have no model of the same name and scheme: name one of each")
    return sorted(pairs, key=lambda pair: (pair.base[0].model, pair.base[0].threads))


def _of_model(base: Sequence[Record], new: Sequence[Record], *, force: bool) -> list[Pair]:
    bases, news = _grouped(base, Conditions.of), _grouped(new, Conditions.of)
    matches = [(bases[key], news[key]) for key in bases if key in news]
    others = [[side[key] for key in side if key not in other] for side, other in
              ((bases, news), (news, bases))]  # fmt: skip
    if force or not matches:
        matches += zip(*others, strict=False)
    return [_checked(tuple(one), tuple(other), force=force) for one, other in matches]


def _checked(base: tuple[Record, ...], new: tuple[Record, ...], *, force: bool) -> Pair:
    for side in (base, new):
        if len({record.model_sha256 for record in side}) > 1:
            raise InputError(
                f"different files have the name {quoted(PurePath(side[0].model).name)} in one of "
                "the two: choose by the number of a result"
            )
    different = Conditions.of(base[0]).differences(Conditions.of(new[0]))
    base_data, new_data = LabelledData.of(base[0]), LabelledData.of(new[0])
    if base_data and new_data:
        different += base_data.differences(new_data) or _other_images(base[0], new[0])
    if different and not force:
        raise InputError(
            f"these cannot be compared, {'; '.join(different)}: measure both alike, or --force"
        )
    return Pair(base, new, different)


def _other_images(base: Record, new: Record) -> tuple[str, ...]:
    is_other = are_other_images(base, new)
    return ("images: others, or other labels, under the same name",) if is_other else ()


def _grouped(
    records: Sequence[Record], key: Callable[[Record], Hashable]
) -> dict[Hashable, list[Record]]:
    groups: dict[Hashable, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def _named(record: Record) -> tuple[str, str]:
    return PurePath(record.model).name, record.scheme
