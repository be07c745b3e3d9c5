"""``edgecnn.compare``: what changed between two measurements, and which gates failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.comparison.changes import Change, changes_of
from edgecnn.comparison.gates import GATE_FAILED, GATE_UNDECIDED, Gate
from edgecnn.comparison.pairing import Pair, paired
from edgecnn.comparison.references import find_records
from edgecnn.store.keeping import open_store


@dataclass(frozen=True)
class JudgedGate:
    """A gate with its outcome.

    Args:
        gate: The condition that must not hold.
        outcome: ``"passed"``, ``"failed"`` or ``"undecided"``.
        reason: The change that decided, or why nothing is decided.
    """

    gate: Gate
    outcome: str
    reason: str


@dataclass(frozen=True)
class ComparedPair:
    """A pair of files with its changes and the outcomes of the gates.

    Args:
        pair: Runs of the two files, and the conditions that differ.
        changes: The change of each figure that both files have.
        gates: The gates, judged by these changes.
    """

    pair: Pair
    changes: tuple[Change, ...]
    gates: tuple[JudgedGate, ...]

    @property
    def notes(self) -> list[str]:
        """What to know of how changes were found, one line each."""
        return [change.note for change in self.changes if change.note is not None]


@dataclass(frozen=True)
class Comparison:
    """All pairs of two references.

    Args:
        base: The first reference, as it was given.
        new: The second reference, as it was given.
        pairs: The pairs that were compared.
        left_out: Names of the models that were measured on one side only.
    """

    base: str
    new: str
    pairs: tuple[ComparedPair, ...]
    left_out: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if a gate failed, else 2 if a gate is undecided, else 0."""
        outcomes = {judged.outcome for compared in self.pairs for judged in compared.gates}
        return 1 if GATE_FAILED in outcomes else 2 if GATE_UNDECIDED in outcomes else 0


def compare(
    base: str,
    new: str,
    *,
    fail_if: Sequence[str] = (),
    force: bool = False,
    store: str | Path | None = None,
) -> Comparison:
    """Return what changed between two measurements, with the interval of each change.

    Args:
        base: A ``.json`` file of ``bench --json``, a result's number, a tag, or a model.
        new: A reference of the same kinds.
        fail_if: Conditions that must not hold: ``"latency_p50_ms > +5%"``.
        force: Compare measurements of different devices, runtimes, threads, CPUs, protocols or
            data, too.
        store: Database of results, as for ``edgecnn results``; opened where a reference needs it.

    Raises:
        InputError: A condition cannot be read, a reference stands for nothing, or the measurements
            must not be compared.
        MissingExtraError: A reference needs the store, and SQLAlchemy is not installed.
        StoreError: The store is locked, damaged, or cannot be reached.

    Example:
        >>> compare("before.json", "after.json", fail_if=["latency_p50_ms > +5%"]).exit_code
        0
    """
    gates = [Gate.parse(text) for text in fail_if]
    records = [
        find_records(reference, lambda: open_store(store, create=False))
        for reference in (base, new)
    ]
    pairs = paired(records[0], records[1], force=force)
    used = {id(record) for pair in pairs for record in (*pair.base, *pair.new)}
    left_out = dict.fromkeys(
        Pair((record,), (record,)).name
        for side in records
        for record in side
        if id(record) not in used
    )
    compared = tuple(_compared(pair, gates) for pair in pairs)
    return Comparison(base, new, compared, tuple(left_out))


def _compared(pair: Pair, gates: Sequence[Gate]) -> ComparedPair:
    changes = tuple(changes_of(pair))
    by_name = {change.metric: change for change in changes}
    judged = (JudgedGate(gate, *gate.outcome(by_name.get(gate.metric))) for gate in gates)
    return ComparedPair(pair, changes, tuple(judged))
