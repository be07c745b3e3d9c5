"""Several devices at once: each is measured in a thread of its own, and reports to one caller."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.progress import Progress
from edgecnn.core.wording import spoken_error
from edgecnn.devices.device import Device
from edgecnn.measure.targets import Target
from edgecnn.records.record import Record

OnRecord = Callable[[Record], None]
OnFailure = Callable[[EdgecnnError], None]


class ConvertedFiles:
    """The ``.tflite`` file of each target, converted once for all devices."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[int, Path] = {}

    def of(self, target: Target, on_progress: Progress) -> Path:
        """Return the path of a target's file; a target that was not converted yet is converted."""
        with self._lock:
            if id(target) not in self._made:
                self._made[id(target)] = target.file(on_progress)
            return self._made[id(target)]


@contextmanager
def opened(devices: Sequence[Device], on_failure: OnFailure | None) -> Iterator[list[Device]]:
    """Yield open devices; they are opened one by one, since each may ask for a password.

    Args:
        devices: Devices that are not connected yet.
        on_failure: Called with the error of each device that is not reached, and the others are
            measured; None raises the error.
    """
    with ExitStack() as stack:
        reached = []
        for device in devices:
            try:
                reached.append(stack.enter_context(device))
            except EdgecnnError as error:
                if on_failure is None:
                    raise
                on_failure(spoken_error(error))
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
        on_failure: Called with each error; None raises the first one.

    Returns:
        The records in the order of the devices, not in that of their measurements.
    """
    records: list[list[Record]] = [[] for _ in devices]
    for number, result in _as_they_come(devices, measure):
        if isinstance(result, Record):
            records[number].append(result)
            on_record(result)
        elif on_failure is not None and isinstance(result, EdgecnnError):
            on_failure(spoken_error(result))
        else:
            raise result
    return [record for of_device in records for record in of_device]


def _as_they_come(
    devices: Sequence[Device], measure: Callable[[Device], Iterator[Record | EdgecnnError]]
) -> Iterator[tuple[int, Record | BaseException]]:
    """Yield numbers of devices with each result, in the order in which the results come."""
    if len(devices) == 1:
        # No other thread is used, so that Ctrl-C ends the work that is waited for.
        for result in measure(devices[0]):
            yield 0, result
        return
    results: queue.Queue[tuple[int, Record | BaseException | None]] = queue.Queue()

    def work(number: int) -> None:
        try:
            for result in measure(devices[number]):
                results.put((number, result))
        except BaseException as error:
            results.put((number, error))
        results.put((number, None))

    for number in range(len(devices)):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    running = len(devices)
    while running:
        number, outcome = results.get()
        if outcome is None:
            running -= 1
        else:
            yield number, outcome
