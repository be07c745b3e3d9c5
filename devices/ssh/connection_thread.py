"""The thread in which the protocol of an SSH connection runs, for callers that block."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from edgecnn.core.errors import ConnectionLostError, EdgecnnError

Result = TypeVar("Result")

CANCEL_TIMEOUT_S = 5.0
"""Seconds that work has, when its caller is interrupted, to remove what it began to write there."""


class ConnectionThread:
    """Runs coroutines of a connection in a thread of their own, from :meth:`start` to :meth:`stop`.

    Args:
        name: What messages call the device.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the thread, for the first time or after :meth:`stop`."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def stop(self, closing: Coroutine[Any, Any, None], timeout_s: float) -> None:
        """Run a last coroutine and end the thread; without a thread nothing is done.

        Args:
            closing: Ends what goes on in the thread.
            timeout_s: Seconds it may take.
        """
        loop, self._loop = self._loop, None
        if loop is None:
            closing.close()
            return
        closed = asyncio.run_coroutine_threadsafe(closing, loop)
        with contextlib.suppress(concurrent.futures.TimeoutError):
            closed.result(timeout_s)
        loop.call_soon_threadsafe(loop.stop)

    def call(
        self,
        work: Coroutine[Any, Any, Result],
        doing: str,
        timeout_s: float | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Result:
        """Run a coroutine in the thread, and wait for its result.

        Args:
            work: Coroutine that uses the connection.
            doing: What the coroutine does, for messages: ``"uploading 'a.tflite'"``.
            timeout_s: Seconds it may take; None for as long as the connection lives.
            meanwhile: What to do in the caller's thread until the coroutine is nearly done; its
                errors end the coroutine.

        Raises:
            ConnectionLostError: The connection was cut, or the thread does not run.
            DeviceError: The coroutine failed, or was not done in time.
        """
        from edgecnn.devices.ssh.connection_errors import explained

        if self._loop is None:
            work.close()
            raise ConnectionLostError(f"{self.name}: {doing}: not connected")
        ended = threading.Event()
        future = asyncio.run_coroutine_threadsafe(_within(work, timeout_s, ended), self._loop)
        try:
            meanwhile()
            return future.result()
        except EdgecnnError:
            future.cancel()  # where `meanwhile` gives up, the work goes on
            raise
        except Exception as error:
            raise explained(error, self.name, doing, timeout_s) from error
        except BaseException:  # Ctrl-C here must not leave the work going on there.
            future.cancel()
            ended.wait(CANCEL_TIMEOUT_S)
            raise

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine in the thread without waiting for it."""
        if self._loop is None:
            work.close()
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop)


async def _within(
    work: Coroutine[Any, Any, Result], timeout_s: float | None, ended: threading.Event
) -> Result:
    try:
        return await asyncio.wait_for(work, timeout_s)
    finally:
        ended.set()
