"""A board that errs, lies or hangs: each wrong answer is one line, and none becomes a figure."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import DeviceError
from edgecnn.core.messages import Frame
from edgecnn.runner.patience import Patience
from edgecnn.runner.session import RunnerSession

from .played import (
    CLOSE_OUTPUT,
    END,
    HANG,
    VERBS,
    Played,
    Turn,
    content_of,
    converse,
    forever,
)

pytestmark = pytest.mark.fresh_processes

USUAL = Patience()
QUICK = Patience(answer_s=0.5, start_s=0.5, model_s=0.5)
HUGE = 2**70
HEALTH, LOADED, SHAPES, CHECKED, WARMED, TIMED, CLASSIFIED = (
    "HealthTexts", "ModelLoaded", "TensorShapes", "ModelChecked", "ModelWarmed", "ModelTimed",
    "BatchClassified",
)  # fmt: skip


def ask(turns: list[Turn], model: Path, patience: Patience = QUICK) -> None:
    with Played(turns) as channel, RunnerSession(channel, "kitchen", patience) as session:
        converse(session, model)


def refusal(turns: list[Turn], model: Path, patience: Patience = USUAL) -> str:
    """Return the line that a conversation ends with."""
    with pytest.raises(DeviceError) as wrong:
        ask(turns, model, patience)
    line = str(wrong.value)
    assert line.isprintable()
    assert len(line) < 400
    return line


def test_the_answers_of_a_real_runner_are_taken(answers: list[Frame], model: Path) -> None:
    ask(list(map(content_of, answers)), model, USUAL)


def put(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """Change fields; ``a__0__b`` is the field ``b`` of the first item of the field ``a``."""

    def change(values: dict[str, Any]) -> None:
        for path, value in changes.items():
            *way, last = (int(key) if key.isdigit() else key for key in path.split("__"))
            target: Any = values
            for key in way:
                target = target[key]
            target[last] = value

    return change


WRONG_FIELDS = [
    ("HostFacts", put(cores=0), "cores is 0, not 1 to"),
    ("HostFacts", put(cores=True), "cores is True, not int or None"),
    ("HostFacts", put(cores=HUGE), "cores is 1180591620717411303424, not 1 to"),
    ("HostFacts", put(usable_cpus=float("nan")), "usable_cpus is nan, not"),
    ("HostFacts", put(usable_cpus=10**400), "usable_cpus is 1000000"),
    ("HostFacts", put(memory_bytes=-4096), "memory_bytes is -4096, not"),
    ("HostFacts", put(bits=48), "bits is 48, not 32 or 64"),
    ("HostFacts", put(cpu="\x1b[2J\x1b]0;owned\x07"), r"cpu is '\x1b[2J"),
    ("HostFacts", put(os="Debian\nedgecnn: all is well"), r"os is 'Debian\nedgecnn"),
    ("HostFacts", put(board="\ud800"), r"board is '\ud800', not"),
    ("HostFacts", put(kernel="6" * 70_000), "kernel is '6666"),
    ("HostFacts", put(emulation__program_header="zz"), "program_header is 'zz', not hexadecimal"),
    (HEALTH, put(meminfo="x" * 70_000), "meminfo is 'xxxx"),
    (HEALTH, put(cpu_times=["cpu 1"]), "cpu_times has 1 values, not 2"),
    (HEALTH, put(boot_id=7), "boot_id is 7, not str or None"),
    ("PowerTexts", put(elapsed_s=float("inf"), calls=1), "elapsed_s is inf, not"),
    ("PowerTexts", put(readings=["x"], calls=0), "calls is 0, not 1 to"),
    (LOADED, put(runtime="my-runtime"), "runtime is 'my-runtime', not ai-edge-litert or"),
    (LOADED, put(load_ms=float("nan")), "load_ms is nan, not"),
    (LOADED, put(load_ms=1e12), "load_ms is 1000000000000.0, not 0 to"),
    (LOADED, put(inputs=[]), "inputs has 0 values, not 1"),
    (LOADED, put(inputs__0__shape=[1, 8, 8, 3]), "shape is (1, 8, 8, 3), not (1, 4, 4, 3) as in"),
    (LOADED, put(inputs__0__shape=[1, -4, 4, 3]), "shape is (1, -4, 4, 3), not the shape of"),
    (LOADED, put(outputs__0__shape=[1, 1, 1, 1 << 50]), "not the shape of"),
    (LOADED, put(outputs__0__dtype="int8"), "dtype is 'int8', not float32 as in the file"),
    (LOADED, put(outputs__0__dtype="pickle"), "dtype is 'pickle', not a type of numbers"),
    (LOADED, put(outputs__0__scale=float("inf")), "scale is inf, not a finite number"),
    (SHAPES, put(shapes=[]), "shapes has 0 values, not 3"),
    (SHAPES, put(shapes__0=[1 << 40, 1 << 40]), "not the shape of a tensor"),
    (CHECKED, put(finite=1), "finite is 1, not bool"),
    (WARMED, put(first_inference_ms=0), "first_inference_ms is 0.0, not above 0"),
    (WARMED, put(calls=3), "calls is 3, not 2 to 2"),
    (WARMED, put(steady=True), "steady is True"),
    (TIMED, put(samples_ns__3=0), "samples_ns[3] is 0, not 1 to"),
    (TIMED, put(samples_ns__3=-5), "samples_ns[3] is -5, not 1 to"),
    (TIMED, put(samples_ns__3=HUGE), "samples_ns[3] is 11805"),
    (TIMED, put(samples_ns__3=1.5), "samples_ns is 1.5, not int"),
    (TIMED, put(samples_ns=[]), "samples_ns has 0 values, not 5 to 1000"),
    (TIMED, put(samples_ns=[1000] * 6), "samples_ns has 6 values, not 5"),
    (TIMED, put(samples_ns__0=10**11), "at_s is"),
    (TIMED, put(waited_ns=[0]), "waited_ns has 1 values, not 5"),
    (TIMED, put(waited_ns=[-1] * 5), "waited_ns[0] is -1, not 0 to"),
    (TIMED, put(counters__1__at_s=0.0), "at_s is 0.0, not"),
    (TIMED, put(counters__1__voluntary=-1), "voluntary is -1, not"),
    (TIMED, put(counters__0__cpu_s=None), "cpu_s is "),
    (TIMED, put(clock_step_ns=0), "clock_step_ns is 0, not 1 to"),
    (TIMED, put(clock_cost_ns=float("nan")), "clock_cost_ns is nan"),
    ("MemoryUse", put(peak_rss_bytes=-1), "peak_rss_bytes is -1, not 1 to"),
    (CLASSIFIED, put(top=[[2, 1]]), "top has 1 values, not 2"),
    (CLASSIFIED, put(top__1=[2, 2]), "top[1] is (2, 2), not different classes of 3"),
    (CLASSIFIED, put(top__1=[2, 3]), "top[1] is (2, 3), not different classes of 3"),
    (CLASSIFIED, put(top__1=[0, 1]), "top[1] is (0, 1), not its best scores"),
    (CLASSIFIED, put(finite=[True]), "finite has 1 values, not 2"),
    (CLASSIFIED, put(finite=[True, False]), "finite[1] is False, not what its scores are"),
    (CLASSIFIED, put(shape=[2, 4]), "shape[1] is 4, not 3 to 3"),
    (CLASSIFIED, put(dtype="int8"), "dtype is 'int8', not float32 as in the file"),
]


@pytest.mark.parametrize(("kind", "change", "said"), WRONG_FIELDS)
def test_a_field_that_cannot_be_right_is_named(
    kind: str,
    change: Callable[[dict[str, Any]], None],
    said: str,
    answers: list[Frame],
    model: Path,
) -> None:
    place = [frame.kind for frame in answers].index(kind)
    values = json.loads(json.dumps(answers[place].values))
    change(values)
    turns: list[Turn] = [content_of(frame) for frame in answers[:place]]
    line = refusal([*turns, content_of(Frame(values, answers[place].payload))], model)
    assert line.startswith(f"kitchen: a wrong answer to '{VERBS[place]}': {kind}: ")
    assert said in line


def line_of(**values: Any) -> bytes:
    return json.dumps(values).encode() + b"\n"


def facts(**values: Any) -> bytes:
    return line_of(kind="HostFacts", message_number=1, **values)


NO_ANSWERS = [
    (b"hello\n", r"not a message: b'hello\n'"),
    (b"\xff\xfe{}\n", "not a message: "),
    (b"[1, 2]\n", "not a message: [1, 2]"),
    (b"[" * 100_000 + b"\n", "not a message: "),
    (line_of(kind="Trust", message_number=1), "a message of the kind 'Trust' came, where HostF"),
    (line_of(kind=["HostFacts"], message_number=1), "came, where HostFacts is known"),
    (facts(), "HostFacts lacks 'cpu'"),
    (facts(trust=1), "HostFacts: 'trust' is not one of"),
    (line_of(kind="HostFacts"), "which answers another request or none"),
    (line_of(kind="HostFacts", message_number=7), "which answers another request or none"),
    (line_of(kind="CallProgress", message_number=1, calls=1, elapsed_s=1), "where HostFacts is"),
    (facts(payload_bytes=2**60), "1152921504606846976 raw bytes came, and at most 0 may"),
    (facts(payload_bytes=HUGE), "raw bytes came, and at most 0 may"),
    (facts(payload_bytes=-1), "payload_bytes is -1, not a number of bytes"),
    (line_of(kind="ErrorReport", message_number=1, message="no"), "ErrorReport lacks 'is_input'"),
    (b"x" * (17 << 20), "a line of more than 16 MiB came"),
    (b"x" * (17 << 20) + b"\n", "a line of more than 16 MiB came"),
]


@pytest.mark.parametrize(("content", "said"), NO_ANSWERS)
def test_what_is_no_answer_is_said(content: bytes, said: str, model: Path) -> None:
    line = refusal([content], model)
    assert line.startswith("kitchen: a wrong answer to 'describe the device': ")
    assert said in line


def test_a_payload_is_unpacked_no_further_than_was_asked_for(
    answers: list[Frame], model: Path
) -> None:
    turns: list[Turn] = list(map(content_of, answers))
    bomb = Frame({**answers[-1].values, "compressed": True}, zlib.compress(bytes(50 << 20), 9))
    small = Frame(bomb.values, zlib.compress(bytes(25), 9))
    assert "raw bytes came, and at most 24 may" in refusal([*turns[:-1], content_of(bomb)], model)
    said = "a payload of more than 24 bytes came, once unpacked"
    assert said in refusal([*turns[:-1], content_of(small)], model)


def test_an_error_that_a_board_reports_is_one_line(model: Path) -> None:
    text = "\x1b[2J no\nspace\r\n" * 100_000
    report = line_of(kind="ErrorReport", message_number=1, is_input=False, message=text)
    with pytest.raises(Exception, match="no space") as told:
        ask([report], model, USUAL)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) <= 2000


def progress(number: int, calls: int, elapsed_s: float) -> bytes:
    return line_of(kind="CallProgress", message_number=number, calls=calls, elapsed_s=elapsed_s)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([(0, 1.0)], "calls is 0, not 1 to 1000"),
        ([(1, 0.2), (1, 0.4)], "calls is 1, not 2 to 1000"),
        ([(2, 0.2), (1, 0.4)], "calls is 1, not 3 to 1000"),
        ([(1, 0.2), (2, 0.2)], "elapsed_s is 0.2, not"),
        ([(1, float("nan"))], "elapsed_s is nan, not"),
        ([(1001, 0.2)], "calls is 1001, not 1 to 1000"),
        ([(-1, 0.2)], "calls is -1, not 1 to 1000"),
        ([(5 + n, 1.0 + n) for n in range(99)], "calls is 15, not more than were asked for"),
    ],
)
def test_progress_goes_on_and_has_an_end(
    told: list[tuple[int, float]], said: str, answers: list[Frame], model: Path
) -> None:
    place = VERBS.index("time the model")
    turns: list[Turn] = list(map(content_of, answers[:place]))
    turns.append([b"".join(progress(place + 1, *each) for each in told)])
    line = refusal(turns, model)
    assert line.startswith("kitchen: a wrong answer to 'time the model': CallProgress: ")
    assert said in line


@pytest.mark.parametrize("place", range(len(VERBS)), ids=VERBS)
def test_a_runner_that_hangs_is_ended(place: int, answers: list[Frame], model: Path) -> None:
    turns: list[Turn] = list(map(content_of, answers[:place]))
    begin = time.monotonic()
    line = refusal([*turns, [HANG]], model, QUICK)
    assert line.startswith(f"kitchen: no answer to '{VERBS[place]}' within ")
    assert time.monotonic() - begin < 20


ALIVE = forever(b"\n", 0.01)
LATE_LINE = forever(b"x", 0.01)


@pytest.mark.parametrize("step", [ALIVE, LATE_LINE], ids=["alive", "one letter after the other"])
def test_signs_of_life_are_no_answer(step: Any, model: Path) -> None:
    assert "no answer to 'describe the device' within 0.5 s" in refusal([[step]], model, QUICK)


def test_a_flood_ends(answers: list[Frame], model: Path) -> None:
    first = content_of(answers[0])
    assert "a line of more than 16 MiB came" in refusal([[forever(b"x" * 65536)]], model)
    assert "which answers another request" in refusal([[forever(first)]], model)
    assert "'CallProgress' came, where" in refusal([[forever(progress(1, 1, 1.0))]], model)


def test_a_flood_that_nobody_reads_fills_no_memory(answers: list[Frame], model: Path) -> None:
    first = content_of(answers[0])
    with Played([[forever(first * 20)]]) as channel:
        session = RunnerSession(channel, "kitchen")
        session.facts()
        time.sleep(1.5)
        with pytest.raises(DeviceError, match="kitchen: a wrong answer to 'tell its memory'"):
            session.memory()
        with pytest.raises(DeviceError, match="kitchen: a wrong answer to 'tell its memory'"):
            session.facts()


def test_an_answer_that_comes_twice_is_no_answer_to_the_next_request(
    answers: list[Frame], model: Path
) -> None:
    content = list(map(content_of, answers))
    turns: list[Turn] = [content[0], content[1] * 2, *content[2:]]
    line = refusal(turns, model)
    assert line.startswith("kitchen: a wrong answer to 'read the power meter': 'HealthTexts' came")


@pytest.mark.parametrize("steps", [[END], [CLOSE_OUTPUT, HANG]], ids=["ends", "closes its output"])
def test_a_runner_that_stops_halfway_is_said(
    steps: list[Any], answers: list[Frame], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecnn.core.child.EXIT_TIMEOUT_S", 0.5)
    content = content_of(answers[-1])
    turns: list[Turn] = list(map(content_of, answers[:-1]))
    turns.append([content[: len(content) // 2], *steps])
    line = refusal(turns, model)
    assert line == "kitchen: its runner ended before it answered 'run samples'"


def test_a_runner_that_reads_no_more_is_ended(answers: list[Frame]) -> None:
    """A batch of images is more than a pipe holds, so that sending it does not end either."""
    images = np.zeros((1000, 1, 4, 4, 3), np.float32)
    with (
        Played([content_of(answers[0]), [HANG]]) as channel,
        RunnerSession(channel, "kitchen", QUICK) as session,
    ):
        session.facts()
        with pytest.raises(DeviceError, match="no answer to 'classify images' within"):
            for _ in range(3):
                session.submit(images, 1)
