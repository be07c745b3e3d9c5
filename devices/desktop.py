"""The machine that edgecnn runs on, as a device: the runner is a child process."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.child import ChildProcess, module_command
from edgecnn.core.cpu_limits import usable_cores
from edgecnn.devices.device import DESKTOP, Device, OnBytes
from edgecnn.runner.session import RunnerSession


class Desktop(Device):
    """The machine that edgecnn itself runs on.

    Args:
        name: What records call the machine; a Raspberry Pi that measures itself is ``"pi"``.

    Example:
        >>> with Desktop().start("running 'a.tflite'") as session:
        ...     print(session.facts().cpu)
    """

    def __init__(self, name: str = DESKTOP) -> None:
        super().__init__(name)

    def place(self, model: Path, on_progress: OnBytes | None = None) -> str:
        """Return the absolute path of a file, which is on this machine already."""
        return str(model.resolve())

    def most_runners(self, threads: int) -> int:
        """Return the number of usable cores, divided by the threads of a runner."""
        return max(1, usable_cores() // threads)

    def start(self, task: str) -> RunnerSession:
        """Start a runner in a child process, so that a crash of the runtime stays there."""
        command = module_command("edgecnn.runner.ondevice.runner")
        return RunnerSession(ChildProcess(command, task=task), self.name, self.patience)
