"""What Linux, macOS and Windows do differently, in one module.

Every function answers on every system. Where a system cannot do something, the function's docstring
says what happens instead; a figure that a system does not give is None, and so is it in a record.

The module travels to devices (:mod:`edgecnn.runner.bundle`): it imports the standard library alone,
and its grammar is that of Python 3.7.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], None]

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PARENT_POLL_S = 1.0
OOM_SCORE, OOM_SCORE_MAX = "/proc/self/oom_score_adj", 1000  # proc_pid_oom_score_adj(5)
LOCKED_BYTE = 1 << 30
"""Windows lets nobody read the bytes that are locked, so the lock is far behind the content."""

LOCK_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class ProcessUsage(NamedTuple):
    """Figures of this process since its start; None for one that the system does not count.

    Attributes:
        cpu_s: CPU time of all threads, in the program and in the kernel, in seconds.
        voluntary_switches: How often the process gave up its CPU, to wait for something.
        involuntary_switches: How often its CPU was taken away for another process.
        major_faults: Pages that had to be read from a disk.
    """

    cpu_s: float | None
    voluntary_switches: int | None
    involuntary_switches: int | None
    major_faults: int | None


def new_session_options() -> dict[str, Any]:
    """Return options for ``subprocess.Popen`` that keep Ctrl-C in the terminal from the child.

    The child then leads a group of processes that :func:`kill_session` ends together.

    Example:
        >>> process = subprocess.Popen(["sleep", "60"], **new_session_options())
    """
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def kill_session(process: subprocess.Popen[Any]) -> None:
    """End a process at once, together with the processes that it has started.

    Args:
        process: A process that was started with :func:`new_session_options`.
    """
    if sys.platform == "win32":
        command = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        with contextlib.suppress(OSError):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def end_with_parent() -> None:
    """End this process when the process that started it is gone, however that ended.

    Linux does so at once. macOS has no such call, so a thread looks every second. On Windows
    nothing is done: there a child ends when it next reads from its parent, or writes to it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    elif sys.platform != "win32":
        threading.Thread(target=end_after, args=(os.getppid(),), daemon=True).start()


def give_way_to_others() -> None:
    """Have Linux end this process, and no other, when the machine runs out of memory.

    On other systems nothing is done, nor where the kernel does not let itself be told.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path(OOM_SCORE).write_text(str(OOM_SCORE_MAX))


def end_after(parent: int, poll_s: float = PARENT_POLL_S) -> None:
    """End this process as soon as its parent is another one than ``parent``, looking now and then.

    Args:
        parent: Process id of the present parent.
        poll_s: Seconds between two looks.
    """
    while os.getppid() == parent:
        time.sleep(poll_s)
    os._exit(1)


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file for this process, until it closes the file or ends.

    Args:
        file: A file that is open for writing.

    Returns:
        False where another process holds the lock.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        if sys.platform == "win32":
            file.seek(LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in LOCK_TAKEN:
            return False
        raise
    return True


def process_usage() -> ProcessUsage:
    """Return what the system counted of this process; Windows counts the CPU time alone."""
    if sys.platform == "win32":
        times = os.times()
        return ProcessUsage(times.user + times.system, None, None, None)
    else:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        seconds = usage.ru_utime + usage.ru_stime
        return ProcessUsage(seconds, usage.ru_nvcsw, usage.ru_nivcsw, usage.ru_majflt)


def process_clock() -> Callable[[], int] | None:
    """Return a clock of the CPU time that this process used, in nanoseconds.

    None on Windows, where that time goes in steps of 15.6 ms, as long as several calls of a model.
    """
    return None if sys.platform == "win32" else time.process_time_ns


def resident_memory_bytes() -> int | None:
    """Return the memory that this process has in RAM now; None on systems other than Linux."""
    return _status_bytes("VmRSS")


def peak_memory_bytes() -> int | None:
    """Return the most memory that this process had in RAM; None on systems other than Linux.

    ``getrusage`` is not asked: a child inherits its parent's maximum there, over fork and exec.
    """
    return _status_bytes("VmHWM")


def physical_memory_bytes() -> int | None:
    """Return how much RAM the machine has; None on Windows."""
    if sys.platform == "win32":
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def glibc_version() -> str | None:
    """Return the version of the GNU C library; None where the system has another one."""
    if sys.platform == "win32":
        return None
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return None
    return name.split()[-1] if name.startswith("glibc ") else None


def thread_clock() -> Callable[[], float]:
    """Return the clock of this thread's computing, in seconds.

    On Windows, which counts that in steps of 16 ms, it is the clock of all time that passes.
    """
    return time.perf_counter if sys.platform == "win32" else time.thread_time


def is_macos() -> bool:
    """Return whether this system is macOS."""
    return sys.platform == "darwin"


def has_screen() -> bool:
    """Return whether a window may open: macOS and Windows always have a screen."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or any(map(os.environ.get, screens))


def affinity() -> set[int] | None:
    """Return the numbers of the CPUs this process may run on; None on systems other than Linux."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return None


def keep_on_cpus(cpus: Collection[int]) -> None:
    """Keep this process, and the threads that it will start, on some of the CPUs.

    Args:
        cpus: Numbers that are in :func:`affinity`. On systems other than Linux nothing is done.
    """
    if sys.platform == "linux":
        os.sched_setaffinity(0, cpus)


def is_exposed(path: Path) -> bool:
    """Say whether a file of this user can be read or written by others; False on Windows."""
    if sys.platform == "win32":
        return False
    facts = path.stat()
    return facts.st_uid == os.getuid() and bool(stat.S_IMODE(facts.st_mode) & 0o077)


@contextlib.contextmanager
def alarm_handled(handler: Handler) -> Iterator[None]:
    """Call a function at each alarm that :func:`set_alarm` rings during the block.

    Args:
        handler: The function; it is called as a signal's handler, in the main thread.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def set_alarm(seconds: float) -> None:
    """Ring the alarm once after some seconds; on Windows, which has no alarm, never."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


def system_text(path: str | Path) -> str | None:
    """Return the text of a small file by which a system tells of itself, without space around it.

    Args:
        path: A file such as ``/proc/meminfo``. Systems that have no such file have no answer.

    Returns:
        None where the file is missing or cannot be read.
    """
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None


def _status_bytes(key: str) -> int | None:
    """Return an entry of ``/proc/self/status``, which is in KiB there, in bytes."""
    for line in (system_text("/proc/self/status") or "").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return None
