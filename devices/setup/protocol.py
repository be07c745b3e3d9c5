"""What a device is asked when it is set up, and what it answers.

The module travels to devices, and the device's Python evaluates the annotations: the standard
library alone, and Python 3.7.
"""

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class ProbeDevice:
    """Asks what a device is and has: a :class:`Board`.

    Args:
        pythons: Names or paths of the Pythons to look at.
        own: A Python that is to have a runtime by itself; None for the environment of ``setup``.
        python_description: A script that describes the Python that runs it.
        runtime_facts: A script that describes the runtime of the Python that runs it.
    """

    pythons: Tuple[str, ...]
    own: Optional[str]
    python_description: str
    runtime_facts: str


@dataclass(frozen=True)
class InstallRuntime:
    """Asks to make an environment with a runtime: a :class:`RuntimeState`.

    Args:
        python: The Python to make the environment of.
        system_packages: Whether the environment has what the system installed for that Python.
        archive: The packages, by path from the home folder; None where they are to be fetched.
        requirements: What the device's pip is to fetch where there is no archive.
        runtime_facts: A script that describes the runtime of the Python that runs it.
    """

    python: str
    system_packages: bool
    archive: Optional[str]
    requirements: Tuple[str, ...]
    runtime_facts: str


@dataclass(frozen=True)
class SetupFailed:
    """Says why the device could not do what it was asked.

    Args:
        reason: A word that the host knows: ``"disk"``, ``"busy"``, ``"pip"``, ...
        message: What the device's system or a program said.
    """

    reason: str
    message: str


@dataclass(frozen=True)
class DevicePython:
    """A Python on a device.

    Args:
        path: Its path.
        version: Its version: ``(3, 11, 2)``.
        abi: Its binary interface, as wheels name it: ``"cp311"``.
        implementation: ``"cpython"`` or another one.
        bits: Width of its programs: 32 or 64.
        venv: Whether it can make virtual environments.
        numpy: Version of numpy that it has without one; None where it has none.
    """

    path: str
    version: Tuple[int, int, int]
    abi: str
    implementation: str
    bits: int
    venv: bool
    numpy: Optional[str]

    @property
    def number(self) -> str:
        """Version without the last part: ``"3.11"``."""
        return ".".join(map(str, self.version[:2]))

    @property
    def full_number(self) -> str:
        """Version: ``"3.11.2"``."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class RuntimeState:
    """State of the environment in which models are run on a device.

    Args:
        exists: Whether there is anything, be it unfinished.
        error: Why models cannot run there; None where they can.
        python: Version of its Python.
        runtime: Distribution of the TFLite runtime.
        version: Version of the runtime.
        numpy: Version of numpy.
    """

    exists: bool
    error: Optional[str] = None
    python: Optional[str] = None
    runtime: Optional[str] = None
    version: Optional[str] = None
    numpy: Optional[str] = None

    @property
    def ready(self) -> bool:
        """Whether models can run there."""
        return self.error is None


@dataclass(frozen=True)
class Board:
    """What a device is and has.

    Args:
        model: Model in the device tree.
        os: Name and version of the system.
        machine: Machine that the kernel names: ``"aarch64"``.
        dpkg: Architecture of Debian's packages: ``"arm64"``.
        glibc: Version of the C library; None where the system has another one.
        free_bytes: Room in the home folder.
        pythons: The Pythons that were found.
        venv: State of the environment in which models are run.

    Example:
        >>> board = probe(connection)
        >>> board.architecture, board.pythons[0].full_number
        ('aarch64', '3.11.2')
    """

    model: Optional[str]
    os: Optional[str]
    machine: str
    dpkg: Optional[str]
    glibc: Optional[str]
    free_bytes: int
    pythons: Tuple[DevicePython, ...]
    venv: RuntimeState

    @property
    def architecture(self) -> str:
        """What programs are made for here, as wheels name it: aarch64, armv7l, armv6l, x86_64.

        The kernel's word is not enough: a Raspberry Pi OS of 32 bits runs on a kernel of 64 bits
        where the board has one, and says aarch64. Python's own width tells them apart.
        """
        bits = self.pythons[0].bits if self.pythons else (32 if self.dpkg == "armhf" else 64)
        if bits == 64:
            return {"arm64": "aarch64", "amd64": "x86_64"}.get(self.machine, self.machine)
        if self.machine in ("aarch64", "armv8l"):
            return "armv7l"
        return "i686" if self.machine == "x86_64" else self.machine

    @property
    def description(self) -> str:
        """``"Raspberry Pi 5 Model B Rev 1.0, Debian GNU/Linux 12 (bookworm), 64 bits"``."""
        bits = f"{self.pythons[0].bits} bits" if self.pythons else self.machine
        return ", ".join(filter(None, (self.model, self.os, bits)))
