"""A transport to a folder of this machine, which is all that another way to a device takes.

It is an example of what edgecnn.devices.transports asks for: ``local:///FOLDER`` is a device whose
user's home is the folder, and whose programs are children of this process.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import ClassVar

from edgecnn.core.channel import Channel
from edgecnn.core.child import ChildProcess
from edgecnn.core.errors import DeviceError, InputError
from edgecnn.devices.connection import CommandMissingError, FinishedCommand
from edgecnn.devices.device import AskPassword, OnBytes
from edgecnn.devices.transports import Transport


@dataclass(frozen=True)
class LocalAddress:
    """A folder, and the Python that runs models there."""

    scheme: ClassVar[str] = "local"

    folder: str
    python: str | None = None

    def __post_init__(self) -> None:
        if not Path(self.folder).is_absolute():
            raise InputError(f"{self.folder!r} is no absolute path of a folder")

    def __str__(self) -> str:
        return f"local://{self.folder}"


class LocalConnection:
    """Runs programs in the folder, as long as it is open."""

    silence_s = inf

    def __init__(self, address: LocalAddress, name: str, ask: AskPassword | None) -> None:
        self.address, self.name = address, name
        self._home = Path(address.folder)
        self._started: list[ChildProcess] = []
        self._is_open = False
        self._lock = threading.Lock()

    def __enter__(self) -> LocalConnection:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self) -> None:
        if not self._home.is_dir():
            raise DeviceError(f"{self.name}: there is no folder {self._home}")
        self._is_open = True

    def close(self) -> None:
        with self._lock:
            started, self._started, self._is_open = self._started, [], False
        for process in started:
            process.close(kill=True)

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        task: str | None = None,
    ) -> FinishedCommand:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            cwd=self._home,
            env={"HOME": str(self._home), "PATH": "/usr/bin:/bin"},
            timeout=timeout_s,
        )
        return FinishedCommand(done.returncode, done.stdout, done.stderr)

    def upload(
        self, content: bytes, remote: str, what: str, on_progress: OnBytes | None = None
    ) -> None:
        target = self._home / remote
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(content)
        part.replace(target)
        if on_progress:
            on_progress(len(content), len(content))

    def is_file(self, remote: str, size: int) -> bool:
        path = self._home / remote
        return path.is_file() and path.stat().st_size == size

    def start(self, command: Sequence[str], task: str) -> Channel:
        program = self._home / command[0]
        if not program.exists():
            raise CommandMissingError(f"{self.name}: there is no {program}")
        words = ["env", "-C", str(self._home), f"HOME={self._home}", str(program), *command[1:]]
        process = ChildProcess(words, task=task)
        with self._lock:
            self._started.append(process)
        return process


TRANSPORT = Transport(address=LocalAddress, parse=LocalAddress, connect=LocalConnection)
