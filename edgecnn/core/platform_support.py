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

MOST_LINKS = 40
"""Symbolic links that Linux follows from one path before it says that they lead in a circle."""

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


def kill_own_session() -> None:
    """End this process at once, with the others of its session; on Windows it alone is ended."""
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def ending_signals() -> tuple[int, ...]:
    """Return the numbers of the signals that ask a command to end; the first one is Ctrl-C's."""
    if sys.platform == "win32":
        return (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
    return (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def process_space() -> str:
    """Return a text that is alike for two processes only if process ids mean the same to both.

    On Linux it is the system's boot and the namespace of process ids; elsewhere, where there are no
    such namespaces, it is the machine.
    """
    if sys.platform == "linux":
        boot = system_text("/proc/sys/kernel/random/boot_id")
        try:
            is_own_proc = os.readlink("/proc/self") == str(os.getpid())
            if boot and is_own_proc:
                return f"{boot} {os.readlink('/proc/self/ns/pid')}"
        except OSError:
            pass
        # Where /proc is missing or shows the ids of another namespace, no process can be asked for.
        return f"{boot} {os.urandom(16).hex()}"
    import uuid  # would be a tenth of a runner's start on the systems that do without it

    return str(uuid.getnode())


def start_of_process(pid: int) -> int | None:
    """Return when a process was started, as a number that no later process of this id has.

    Args:
        pid: Id of a process in this process' own space (:func:`process_space`).

    Returns:
        0 for a process that is gone; None where it cannot be told: on Windows, and on macOS of a
        process that runs.
    """
    if sys.platform == "linux":
        return _start_on_linux(pid)
    if sys.platform == "win32":
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return 0
    except OSError:
        pass
    return None


def is_own(facts: os.stat_result) -> bool:
    """Say whether a file belongs to this user; True for all files on Windows."""
    return sys.platform == "win32" or facts.st_uid == os.geteuid()


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


def own_descriptor(path: Path) -> int | None:
    """Return the number of this process' open file that a path stands for; None for other paths.

    ``/dev/stdout``, ``/dev/fd/3`` and links to these are such paths. Windows has none.

    Args:
        path: Any path.

    Example:
        >>> own_descriptor(Path("/dev/stdout"))
        1
    """
    if sys.platform == "win32":
        return None
    descriptors = Path(os.path.realpath("/dev/fd"))
    with contextlib.suppress(OSError):  # a folder on the way that cannot be looked into
        for _ in range(MOST_LINKS):
            folder = Path(os.path.realpath(path.parent))
            if folder == descriptors and path.name.isdecimal():
                return int(path.name)
            if not path.is_symlink():
                break
            path = folder / path.readlink()
    return None


def is_open_for_writing(descriptor: int) -> bool:
    """Say whether a descriptor of this process can be written to; False on Windows."""
    if sys.platform == "win32":
        return False
    else:
        try:
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        except OSError:
            return False
        return flags & os.O_ACCMODE != os.O_RDONLY


def obstacle_to_replacing(path: Path) -> str | None:
    """Say why a file cannot be replaced by another one although its folder can be written to.

    Args:
        path: A file that exists, no symbolic link.

    Returns:
        The reason, as the end of a sentence that begins with the file; None where nothing is
        known to be in the way, and always on Windows.
    """
    if sys.platform == "win32":
        return None
    facts, folder, user = path.stat(), path.parent.stat(), os.geteuid()
    if folder.st_mode & stat.S_ISVTX and user not in (0, facts.st_uid, folder.st_uid):
        return "belongs to another user, and in its folder nobody can replace others' files"
    if _is_mount_point(path):
        return "is a mount point"
    is_own = facts.st_uid == user and facts.st_mode & stat.S_IWUSR
    if is_own and not os.access(str(path), os.W_OK):
        return "is immutable, or on a read-only file system"
    return None


def keep_attributes(old: Path, new: Path) -> None:
    """Give a file that is going to replace another one what that one has of permissions.

    These are its mode and, as far as this user may set them, owner, group and extended attributes,
    which are access lists among others. Where the group cannot be kept, the new file's group gets
    the rights that all others have. On Windows nothing is done: a file has its folder's rights.

    Raises:
        OSError: The mode cannot be set.
    """
    if sys.platform == "win32":
        return
    facts = old.stat()
    mode = facts.st_mode & 0o777
    try:
        os.chown(new, facts.st_uid, facts.st_gid)
    except OSError:
        with contextlib.suppress(OSError):
            os.chown(new, -1, facts.st_gid)
    if new.stat().st_gid != facts.st_gid:
        mode = mode & 0o707 | (mode & 0o007) << 3
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            for name in os.listxattr(old):
                os.setxattr(new, name, os.getxattr(old, name))
    new.chmod(mode)


def open_at_once(path: str, flags: int) -> int:
    """Open a file as ``os.open`` does, without waiting for who writes to a named pipe."""
    if sys.platform == "win32":
        return os.open(path, flags)
    return os.open(path, flags | os.O_NONBLOCK)


def wait_in_reads(descriptor: int) -> None:
    """Let reads of a pipe that :func:`open_at_once` opened wait for what its writer writes."""
    if sys.platform != "win32":
        os.set_blocking(descriptor, True)


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


def _is_mount_point(path: Path) -> bool:
    """Say whether a file is one that was mounted alone, as containers do; False outside Linux."""
    name = str(path.resolve())
    for letter in "\\ \t\n":  # the backslash first: the others become one
        name = name.replace(letter, f"\\{ord(letter):03o}")
    lines = (system_text("/proc/self/mountinfo") or "").splitlines()
    return any(line.split()[4] == name for line in lines)


def _start_on_linux(pid: int) -> int | None:
    """Return the start of a process in clock ticks after that of the system, 0 for a dead one."""
    try:
        stat_line = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0 if Path("/proc/self/stat").exists() else None
    except OSError:
        return None
    # After the name, which may hold anything, the state is the third field of all.
    fields = stat_line.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])


def _status_bytes(key: str) -> int | None:
    """Return an entry of ``/proc/self/status``, which is in KiB there, in bytes."""
    for line in (system_text("/proc/self/status") or "").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return None
