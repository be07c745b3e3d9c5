"""Answers that were changed at random: taken, or refused in one line; nothing else happens."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.frame_reader import FrameReader
from edgecnn.core.messages import Frame
from edgecnn.runner.patience import Patience
from edgecnn.runner.session import RunnerSession

from .played import VERBS, PlayedHere, content_of, converse

CASES = 300

ODD = st.one_of(
    st.sampled_from([
        None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 10**400, 0.5, float("nan"), float("inf"),
        -float("inf"), 1e308, 5e-324, "", "\0", "\ud800", "\x1b[2J", "a\nb", "\u0661", "9" * 5000,
        "cpu \u00b2 1 2 3 4 5 6 7 8 9", [], {}, [[]], {"": None}, [None], "throttled=0xffffffff",
        "temp=99999.9'C",
    ]),
    st.integers(), st.floats(), st.text(max_size=20),
    st.lists(st.integers(), max_size=4),
)  # fmt: skip


def outcome(turns: list[bytes], model: Path) -> str | None:
    """Return the line that a conversation ends with; None where all answers are taken."""
    try:
        converse(RunnerSession(PlayedHere(turns), "kitchen", Patience()), model)
    except EdgecnnError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 3000
        return str(error)
    return None


def places_of(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where each value within a value is: keys and numbers, from the outside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [(*place, key) for key, _ in (inner if isinstance(value, dict | list) else ())]
    for path in list(found):
        if isinstance(value[path[-1]], dict | list):
            found += places_of(value[path[-1]], path)
    return found


def spoiled(values: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = json.loads(json.dumps(values))
    *way, last = path
    target = changed
    for key in way:
        target = target[key]
    target[last] = value
    return dict(changed)


@settings(max_examples=CASES)
@given(data=st.data(), turn=st.integers(0, len(VERBS) - 1), value=ODD)
def test_a_field_of_any_value(
    data: st.DataObject, turn: int, value: Any, answers: list[Frame], model: Path
) -> None:
    frame = answers[turn]
    path = data.draw(st.sampled_from(places_of(json.loads(json.dumps(frame.values)))))
    turns = list(map(content_of, answers))
    turns[turn] = content_of(Frame(spoiled(frame.values, path, value), frame.payload))
    outcome(turns, model)


@settings(max_examples=CASES)
@given(data=st.data(), turn=st.integers(0, len(VERBS) - 1), noise=st.binary(max_size=8))
def test_bytes_that_were_changed(
    data: st.DataObject, turn: int, noise: bytes, answers: list[Frame], model: Path
) -> None:
    turns = list(map(content_of, answers))
    content = turns[turn]
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, min(len(content), begin + 8)))
    turns[turn] = content[:begin] + noise + content[end:]
    outcome(turns, model)


def test_what_was_not_changed_is_taken(answers: list[Frame], model: Path) -> None:
    assert outcome(list(map(content_of, answers)), model) is None


@given(cuts=st.lists(st.integers(0, 200), max_size=8))
@example(cuts=list(range(60)))
def test_pieces_of_any_size_are_the_same_messages(cuts: list[int]) -> None:
    payload = np.arange(40, dtype=np.uint8).tobytes() + b"\n\n{"
    sent = [Frame({"kind": "A"}), Frame({"kind": "B"}, payload), Frame({"kind": "C"}, b"")]
    content = b"\n".join(frame.head() + bytes(frame.payload or b"") for frame in sent)
    reader = FrameReader()
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    came = [frame for begin, end in pairwise(places) for frame in reader.feed(content[begin:end])]
    assert came == sent
