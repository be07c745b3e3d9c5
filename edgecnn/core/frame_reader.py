"""Makes messages of the bytes of a stream, within bounds whatever the other side sends.

The module travels to devices (:mod:`edgecnn.runner.bundle`): it imports the standard library alone,
and its grammar is that of Python 3.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.messages import MAX_PAYLOAD_BYTES, Frame, FrameHead, MessageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIVE_LINE = b"\n"
"""Empty line that the other side of a network sends now and then to say that it is there."""

MAX_LINE_BYTES = 16 << 20
"""Bytes of a message's line at most. The largest one has the times of 200,000 calls: 5 MB."""


class FrameReader:
    """Takes the bytes of a stream in pieces of any size, and gives the messages in them.

    Attributes:
        payload_limit: Raw bytes at most that may belong to a message, packed or unpacked.

    Example:
        >>> reader = FrameReader()
        >>> list(reader.feed(b'{"kind": "A"}\\n\\n{"ki'))
        [Frame(values={'kind': 'A'}, payload=None)]
        >>> [frame.kind for frame in reader.feed(b'nd": "B"}\\n')]
        ['B']
    """

    def __init__(self) -> None:
        self.payload_limit = MAX_PAYLOAD_BYTES
        self._bytes = bytearray()
        self._searched = 0
        self._head: FrameHead | None = None

    def feed(self, content: bytes) -> Iterator[Frame]:
        """Yield the messages that are whole with these bytes.

        Raises:
            MessageError: A line is no message, or a line or its raw bytes are too long.
        """
        self._bytes += content
        while True:
            frame = self._next_frame()
            if frame is None:
                return
            yield frame

    def _next_frame(self) -> Frame | None:
        """Return the first message of the bytes so far; None where it is not whole."""
        if self._head is None:
            line = self._next_line()
            if line is None:
                return None
            self._head = FrameHead.parse(line)
        size = self._head.payload_bytes or 0
        if size > self.payload_limit:
            raise MessageError(f"{size} raw bytes came, and at most {self.payload_limit} may")
        if len(self._bytes) < size:
            return None
        head, self._head = self._head, None
        return head.frame(self._taken(size), self.payload_limit)

    def _next_line(self) -> bytes | None:
        """Return the first line that is not empty; None where there is no whole one."""
        while True:
            end = self._bytes.find(b"\n", self._searched)
            if max(end, len(self._bytes) if end < 0 else 0) > MAX_LINE_BYTES:
                raise MessageError(f"a line of more than {MAX_LINE_BYTES >> 20} MiB came")
            if end < 0:
                self._searched = len(self._bytes)
                return None
            self._searched = 0
            line = self._taken(end + 1)
            if line != ALIVE_LINE:
                return line

    def _taken(self, size: int) -> bytes:
        taken = bytes(memoryview(self._bytes)[:size])
        del self._bytes[:size]
        return taken
