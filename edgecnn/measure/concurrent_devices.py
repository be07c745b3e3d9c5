"""Several devices at once: each is measured in a thread of its own, and reports to one caller."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.devices.device import Device
from edgecnn.measure.targets import Progress, Target
from edgecnn.records.record import Record

OnRecord = Callable[[Record], None]
OnFailure = Callable[[EdgecnnError], None]


class ConvertedFiles:
    """The ``.tflite`` file of each target, converted once for all devices."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[int, Path] = {}

    def of(self, target: Target, on_progress: Progress) -> Path:
        """Return a target's file, converted first where that was not done before."""
        with self._lock:
            if id(target) not in self._made:
                self._made[id(target)] = target.file(on_progress)
            return self._made[id(target)]


@contextmanager
def opened(devices: Sequence[Device], on_failure: OnFailure | None) -> Iterator[list[Device]]:
    """Connect to devices, one after the other, since any of them may ask for a password.

    Args:
        devices: The devices.
        on_failure: Called with the error of each device that is not reached, so that the others are
            measured; where it is None the error is raised.
    """
    with ExitStack() as stack:
        reached = []
        for device in devices:
            try:
                reached.append(stack.enter_context(device))
            except EdgecnnError as error:
                if on_failure is None:
                    raise
                on_failure(error)
        yield reached


def measure_all(
    devices: Sequence[Device],
    measure: Callable[[Device], Iterator[Record | EdgecnnError]],
    on_record: OnRecord,
    on_failure: OnFailure | None,
) -> list[Record]:
    """Measure on every device at the same time.

    Args:
        devices: The devices, which are open.
        measure: Yields the records of a device, and the errors of models that it cannot measure.
        on_record: Called with each record as it comes, in the caller's own thread.
        on_failure: Called with each error; where it is None the first one is raised.

    Returns:
        The records in the order of the devices, whichever was faster.
    """
    records: list[list[Record]] = [[] for _ in devices]
    for number, result in _as_they_come(devices, measure):
        if isinstance(result, Record):
            records[number].append(result)
            on_record(result)
        elif on_failure is not None and isinstance(result, EdgecnnError):
            on_failure(result)
        else:
            raise result
    return [record for of_device in records for record in of_device]


def _as_they_come(
    devices: Sequence[Device], measure: Callable[[Device], Iterator[Record | EdgecnnError]]
) -> Iterator[tuple[int, Record | BaseException]]:
    """Yield the number of a device and what it measured, whichever device is first."""
    if len(devices) == 1:
        # Without another thread, so that Ctrl-C ends what is waited for.
        for result in measure(devices[0]):
            yield 0, result
        return
    told: queue.Queue[tuple[int, Record | BaseException | None]] = queue.Queue()

    def work(number: int) -> None:
        try:
            for result in measure(devices[number]):
                told.put((number, result))
        except BaseException as error:
            told.put((number, error))
        told.put((number, None))

    for number in range(len(devices)):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    going = len(devices)
    while going:
        number, answer = told.get()
        if answer is None:
            going -= 1
        else:
            yield number, answer


def with_name(device: Device, on_progress: Progress) -> Progress:
    """Return a report of progress that begins with the device's name."""

    def report(phase: str, done: int, total: int) -> None:
        on_progress(f"{device.name}: {phase}", done, total)

    return report
