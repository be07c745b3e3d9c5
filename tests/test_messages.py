"""Messages cross as they are, and what is no message is told by the name of what is wrong."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.messages import Frame, FrameHead, MessageError, build, from_frame, to_frame


@dataclass(frozen=True)
class Layer:
    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    path: Path
    layers: list[Layer]
    level: Literal["fast", "full"] = "fast"
    scale: float | None = None
    size: tuple[int, int] | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    anything: Any = None
    is_new: bool = False
    payload: bytes | memoryview | None = None


@dataclass(frozen=True)
class Span:
    seconds: float


@dataclass(frozen=True)
class Nothing:
    pass


def crossed(message: object, *kinds: type[Any]) -> Any:
    """Send a message through bytes and back."""
    frame = to_frame(message)
    head = FrameHead.parse(frame.head())
    return from_frame(head.frame(bytes(frame.payload or b"")), *kinds)


texts = st.text()
layers = st.builds(Layer, texts, st.lists(st.integers()).map(tuple))
jobs = st.builds(
    Job,
    path=st.just(Path("a b/ü.keras")),
    layers=st.lists(layers),
    level=st.sampled_from(["fast", "full"]),
    scale=st.none() | st.floats(allow_nan=False),
    size=st.none() | st.tuples(st.integers(), st.integers()),
    sizes=st.dictionaries(texts, st.integers()),
    anything=st.none() | st.lists(st.booleans()) | texts,
    is_new=st.booleans(),
    payload=st.none() | st.binary(),
)


@given(job=jobs)
def test_what_is_sent_arrives(job: Job) -> None:
    assert crossed(job, Nothing, Job) == job


def test_a_whole_number_may_stand_for_a_float() -> None:
    job = from_frame(Frame({"kind": "Job", "path": "a", "layers": [], "scale": 2}), Job)
    assert job.scale == 2.0 and type(job.scale) is float


def test_a_message_without_fields() -> None:
    assert crossed(Nothing(), Nothing) == Nothing()


GOOD = {"path": "a", "layers": [{"name": "conv", "shape": [1, 2]}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": None}, "Job: path is None, not Path"),
        ({"layers": [{"name": "conv"}]}, "Job: layers lacks 'shape'"),
        ({"layers": [{"name": "conv", "shape": [1, "2"]}]}, "layers: shape is '2', not int"),
        ({"layers": {}}, "Job: layers is {}, not list[Layer]"),
        ({"level": "slow"}, "Job: level is 'slow', not Literal"),
        ({"scale": True}, "Job: scale is True, not float or None"),
        ({"size": [1, 2, 3]}, "Job: size is [1, 2, 3], not tuple[int, int] or None"),
        ({"size": [1, 2.5]}, "Job: size is [1, 2.5], not tuple[int, int] or None"),
        ({"sizes": {"a": "b"}}, "Job: sizes is 'b', not int"),
        ({"is_new": 1}, "Job: is_new is 1, not bool"),
        ({"colour": "red"}, "Job: 'colour' is not one of path, layers"),
        ({"anything": 1, "path": 7}, "Job: path is 7, not Path"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MessageError) as wrong:
        from_frame(Frame({"kind": "Job", **GOOD, **changes}), Job)
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(MessageError, match=r"^Job lacks 'layers'$"):
        from_frame(Frame({"kind": "Job", "path": "a"}), Job)


@pytest.mark.parametrize("kind", ["Other", "", None, 7])
def test_an_unknown_kind_is_named_with_those_that_are_known(kind: object) -> None:
    with pytest.raises(MessageError, match="came, where Job, Nothing is known"):
        from_frame(Frame({"kind": kind}), Job, Nothing)


def test_a_payload_where_none_belongs() -> None:
    with pytest.raises(MessageError, match="'payload' is not one of"):
        from_frame(Frame({"kind": "Layer", "name": "a", "shape": []}, b"x"), Layer)


def test_a_table_that_is_none() -> None:
    with pytest.raises(MessageError, match="the settings: 7 is no table of fields"):
        build(Layer, 7, "the settings")


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"7", b"[]", b"null", b"\xff", b'{"payload_bytes": -1}', b'{"payload_bytes": true}',
     b'{"payload_bytes": "9"}'],
)  # fmt: skip
def test_a_line_that_is_no_message(line: bytes) -> None:
    with pytest.raises(MessageError):
        FrameHead.parse(line)


def test_a_payload_that_was_damaged_on_its_way() -> None:
    head = FrameHead.parse(b'{"kind": "Job", "payload_bytes": 3, "compressed": true}')
    with pytest.raises(MessageError, match="damaged payload"):
        head.frame(b"abc")


def test_a_payload_that_is_larger_once_unpacked() -> None:
    head = FrameHead.parse(b'{"kind": "Job", "payload_bytes": 3, "compressed": true}')
    packed = zlib.compress(bytes(1000))
    assert head.frame(packed, most_bytes=1000).payload == bytes(1000)
    with pytest.raises(MessageError, match="a payload of more than 999 bytes came"):
        head.frame(packed, most_bytes=999)
    with pytest.raises(MessageError, match="its end is missing"):
        head.frame(packed[:-1])


def test_a_whole_number_that_no_float_can_hold() -> None:
    with pytest.raises(MessageError, match="seconds is 1000000"):
        build(Span, {"seconds": 10**400}, "the span")
    assert build(Span, {"seconds": 7}, "the span") == Span(7.0)


def test_an_answer_has_the_number_of_its_request() -> None:
    frame = to_frame(Layer("a", (1,))).numbered(7)
    arrived = FrameHead.parse(frame.head()).frame(b"")
    assert arrived.number == 7
    assert from_frame(arrived, Layer) == Layer("a", (1,))
    assert frame.numbered(None) is frame


@given(values=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
))  # fmt: skip
def test_no_json_is_another_error(values: Any) -> None:
    try:
        head = FrameHead.parse(json.dumps(values).encode())
        from_frame(head.frame(b""), Job)
    except MessageError as error:
        assert "\n" not in str(error)
