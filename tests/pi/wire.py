"""A wire between a client and a server that tests can cut, at a moment or after so many bytes."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from types import TracebackType

BLOCK = 1 << 16
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset instead of waiting


class Wire:
    """Passes connections to its own ``port`` on to a server here, while used by ``with``.

    Args:
        target: The server's port.
        host: Where to listen: the server is always on 127.0.0.1.

    ``bytes`` have passed, in both directions together, and ``cuts`` were made. It is cut by itself
    after the numbers of bytes that a test writes into ``cut_after``, the least first.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.host = host
        self.bytes = 0
        self.cuts = 0
        self.cut_after: list[int] = []
        self._target = ("127.0.0.1", target)
        self._silent = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Wire:
        self.mend(0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut_for_good()

    def cut(self) -> None:
        """Reset every connection, at both ends; the next one is taken."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        self.cuts += bool(pairs)
        for end in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RD)  # so that the thread that waits for it closes it

    def cut_for_good(self) -> None:
        """Reset every connection, and refuse new ones until the wire is mended."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def mend(self, port: int | None = None) -> None:
        """Take connections again."""
        self._silent = False
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        address = (self.host, self.port if port is None else port)
        self._server = socket.create_server(address, family=family)
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def fall_silent(self) -> None:
        """Let nothing more through, and tell neither end, as when a cable is pulled."""
        self._silent = True

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                pair = (client, socket.create_connection(self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append(pair)
            threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        others = {client: server, server: client}
        with client, server, contextlib.suppress(OSError):
            while True:
                for one in select.select([client, server], [], [])[0]:
                    data = one.recv(BLOCK)
                    if not data:
                        return
                    if not self._silent:
                        self._let_through(others[one], data)

    def _let_through(self, target: socket.socket, data: bytes) -> None:
        self.bytes += len(data)
        if self.cut_after and self.bytes >= self.cut_after[0]:
            self.cut_after.pop(0)
            self.cut()
            return
        target.sendall(data)
