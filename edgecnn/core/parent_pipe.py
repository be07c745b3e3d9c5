"""A child's end of the conversation with the process that started it.

The module travels to devices (:mod:`edgecnn.runner.bundle`): it imports the standard library alone,
and its grammar is that of Python 3.7.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections import deque
from typing import IO, TYPE_CHECKING, Any, TypeVar

from edgecnn.core.errors import EdgecnnError, InputError, describe_error
from edgecnn.core.frame_reader import FrameReader
from edgecnn.core.messages import ErrorReport, Frame, MessageError, from_frame, to_frame
from edgecnn.core.platform_support import end_with_parent, give_way_to_others

if TYPE_CHECKING:
    from collections.abc import Callable

Job = TypeVar("Job")

READ_BYTES = 1 << 20


class ParentPipe:
    """Reads the parent's messages, and answers on what was standard output.

    Standard output is handed to standard error first, so that what libraries print cannot get in
    between. The process ends with its parent, as far as the system can do that, and before it
    where memory runs out. What is sent has the number of the message that was received last.

    Example:
        >>> parent = ParentPipe()
        >>> parent.send(LayersCounted(layers=53))
    """

    def __init__(self) -> None:
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._input = os.dup(0)
        self._reader = FrameReader()
        self._frames: deque[Frame] = deque()
        self._number: int | None = None
        end_with_parent()
        give_way_to_others()

    def receive(self, *kinds: type[Job]) -> Job | None:
        """Wait for the parent's next message; return None if the parent has closed the pipe.

        Args:
            kinds: The classes of messages that may come.

        Raises:
            MessageError: Another message came.
        """
        self._number = None  # what cannot be read is reported as an answer to no message
        while not self._frames:
            content = os.read(self._input, READ_BYTES)
            if not content:
                return None
            self._frames.extend(self._reader.feed(content))
        frame = self._frames.popleft()
        self._number = frame.number
        message: Job = from_frame(frame, *kinds)
        return message

    def expect(self, *kinds: type[Job]) -> Job:
        """Wait for a message that must come.

        Args:
            kinds: The classes of messages that may come.

        Raises:
            MessageError: Another message came, or the parent has closed the pipe.
        """
        message = self.receive(*kinds)
        if message is None:
            names = " or ".join(kind.__name__ for kind in kinds)
            raise MessageError(f"the parent ended before it sent {names}")
        return message

    def send(self, message: object) -> None:
        """Write one message, and the raw bytes that belong to it."""
        write_frame(self._output, to_frame(message).numbered(self._number))

    def send_error(self, error: BaseException) -> None:
        """Report an error; the parent raises it again, an ``InputError`` as one."""
        text = str(error) if isinstance(error, EdgecnnError) else describe_error(error)
        self.send(ErrorReport(isinstance(error, InputError), text))


def write_frame(stream: IO[bytes], frame: Frame) -> None:
    """Write one message, and the raw bytes that belong to it, to a stream."""
    stream.write(frame.head())
    if frame.payload is not None:
        stream.write(frame.payload)
    stream.flush()


def serve_job(kind: type[Job], work: Callable[[ParentPipe, Job], Any], purpose: str = "") -> None:
    """Do the one job that the parent sends, which is the whole of a child's program, and end.

    Args:
        kind: The class of the job's message.
        work: Given the pipe for its answers and the job, does the job; an error is reported.
        purpose: What a lack of memory prevents, as a user is told it: ``"convert this model"``;
            empty to report Python's own error.

    Example:
        >>> def main():
        ...     serve_job(CountLayers, lambda parent, job: parent.send(LayersCounted(53)))
    """
    parent = ParentPipe()
    try:
        job = parent.receive(kind)
        if job is not None:
            work(parent, job)
    except Exception as error:
        is_too_large = purpose and isinstance(error, MemoryError)
        parent.send_error(InputError(f"not enough memory to {purpose}") if is_too_large else error)
        traceback.print_exc()
    sys.stderr.flush()
    # All answers are written, and TensorFlow's orderly shutdown would only take time.
    os._exit(0)
