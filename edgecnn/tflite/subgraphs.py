"""Which other subgraphs of a file an op runs: the bodies of loops and branches, and the like."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from edgecnn.tflite.tensors_and_ops import Op

NUMBER_FIELDS = (
    "bodySubgraphIndex", "comparatorSubgraphIndex", "condSubgraphIndex",
    "decompositionSubgraphIndex", "elseSubgraphIndex", "initSubgraphIndex", "subgraph",
    "thenSubgraphIndex", "updateComputationSubgraphIndex",
)  # fmt: skip
"""Fields of the schema's settings of ops that hold the number of a subgraph."""

NUMBERS_FIELD = "branchSubgraphIndices"
"""The field that holds several numbers."""


def called_subgraphs(op: Op) -> set[int]:
    """Return the numbers of the subgraphs that an op runs.

    Example:
        >>> called_subgraphs(graph.ops[3])  # a WHILE
        {1, 2}
    """
    called: set[int] = set()
    for settings in _settings(op):
        held = vars(settings)
        called.update(int(held[field]) for field in NUMBER_FIELDS if field in held)
        called.update(map(int, _listed(held)))
    return {number for number in called if number >= 0}


def renumbered(settings: Any, numbers: Mapping[int, int]) -> Any:
    """Return an op's settings with other numbers of subgraphs.

    Args:
        settings: The settings in the schema's object form; None where there are none.
        numbers: Number of a subgraph -> its new number.
    """
    if settings is None or all(old == new for old, new in numbers.items()):
        return settings
    settings = copy.copy(settings)
    held = vars(settings)
    for field in NUMBER_FIELDS:
        if field in held:
            held[field] = numbers.get(int(held[field]), held[field])
    if NUMBERS_FIELD in held:
        held[NUMBERS_FIELD] = [numbers.get(int(number), number) for number in _listed(held)]
    return settings


def _settings(op: Op) -> Iterable[Any]:
    both = (op.options, op.extra.get("builtinOptions2"))
    return (settings for settings in both if settings is not None)


def _listed(held: Mapping[str, Any]) -> Iterable[int]:
    listed = held.get(NUMBERS_FIELD)
    return () if listed is None else listed
