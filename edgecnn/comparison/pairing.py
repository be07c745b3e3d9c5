"""Which records are compared with which, and whether they may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.results.record import Record

CONDITIONS = ("device", "cpu", "architecture", "runtime", "runtime_version", "threads", "cpus")
"""What must be the same for a difference to be the model's."""

DATA = ("data", "images")


@dataclass(frozen=True)
class Pair:
    """Runs of a model, and of what it is compared with.

    Args:
        base: Repeated runs of one file under the same conditions.
        new: The same of the other.
        differences: What is not the same: ``"threads: 1 and 2"``.
    """

    base: tuple[Record, ...]
    new: tuple[Record, ...]
    differences: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The models' names, and the threads."""
        names = dict.fromkeys(PurePath(side[0].model).name for side in (self.base, self.new))
        threads = dict.fromkeys(str(side[0].threads) for side in (self.base, self.new))
        many = "threads" if set(threads) != {"1"} else "thread"
        return f"{' -> '.join(names)}, {' -> '.join(threads)} {many}"


Runs = dict[tuple[object, ...], list[Record]]


def paired(base: Sequence[Record], new: Sequence[Record], *, force: bool) -> list[Pair]:
    """Pair records: of one model each, these; else of the same name and scheme.

    Args:
        base: Records of one side.
        new: Records of the other.
        force: Compare what was measured under other conditions, too.

    Raises:
        InputError: Nothing fits together; the message says what is different.
    """
    one_each = all(len({_model(record) for record in side}) == 1 for side in (base, new))
    models = [_grouped(side, lambda r: () if one_each else _model(r)) for side in (base, new)]
    pairs: list[Pair] = []
    for model in models[0].keys() & models[1].keys():
        pairs += _of_model(models[0][model], models[1][model], force=force)
    if not pairs:
        raise InputError("base and new have no model of the same name and scheme: name one of each")
    return sorted(pairs, key=lambda pair: (pair.base[0].model, pair.base[0].threads))


def _of_model(base: Sequence[Record], new: Sequence[Record], *, force: bool) -> list[Pair]:
    bases, news = _grouped(base, _conditions), _grouped(new, _conditions)
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
    names = (*CONDITIONS, *(DATA if base[0].data and new[0].data else ()))
    both = [(name, getattr(base[0], name), getattr(new[0], name)) for name in names]
    different = tuple(f"{name}: {one} and {other}" for name, one, other in both if one != other)
    if different and not force:
        raise InputError(
            f"these cannot be compared, {'; '.join(different)}: measure both alike, or --force"
        )
    return Pair(base, new, different)


def _grouped(records: Sequence[Record], key: object) -> Runs:
    groups: Runs = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)  # type: ignore[operator]
    return groups


def _model(record: Record) -> tuple[object, ...]:
    return PurePath(record.model).name, record.scheme


def _conditions(record: Record) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in CONDITIONS)
