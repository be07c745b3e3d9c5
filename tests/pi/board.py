"""``EmulatedPi``: a Raspberry Pi's userland with a real SSH server on this machine's loopback.

Programs are Arm's, run by qemu-user; the kernel is the host's. A board lives in namespaces of its
own, over a shared root file system that it cannot change, and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from . import health as boards
from .processes import BoardProcess, board_of, processes_on
from .rootfs import ARM64, ARMHF, NATIVE, PASSWORD, USER, root_file_system
from .wheels import installed_runtime

HERE = Path(__file__).parent
START_TIMEOUT_S = 60.0  # two seconds here; far more where the machine is busy
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SSHD_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey /etc/ssh/host_key
PidFile /run/sshd.pid
UsePAM no
SetEnv {environment}
"""
SSH_CONFIG = """
Host {name}
    HostName {host}
    Port {port}
    User {user}
    IdentityFile "{key}/id_ed25519"
    UserKnownHostsFile "{folder}/known_hosts"
    IdentitiesOnly yes
    StrictHostKeyChecking yes
"""
# Python starts with this file; the programs of a 32-bit qemu only know kernels of 32 bits.
SITE_CUSTOMIZE = """
import os
known = os.uname()
os.uname = lambda: os.uname_result((*known[:4], "aarch64"))
"""


class EmulatedPi:
    """A board to be used with ``with``; ``host``, ``port``, ``user``, ``password`` and ``folder``.

    ``folder`` has what a client needs: ``id_ed25519``, ``known_hosts`` and ``ssh_config``, in which
    the board is called ``name``.

    ``disk_mb`` is how much may be written to its disk in all. With ``runtime`` the board's Python
    has a TFLite runtime and numpy, with ``saved`` its disk begins as another board's was saved.
    ``kernel_bits=64`` with ``bits=32`` is what a Raspberry Pi OS of 32 bits is on most boards:
    ``uname -m`` and Python say aarch64 there. A ``native`` one runs the same programs for this
    machine's own processor, many times faster: for whatever is alike on all of them.
    """

    name = "raspberrypi"
    host = "127.0.0.1"
    user = USER
    password = PASSWORD

    def __init__(
        self,
        bits: int = 64,
        model: boards.Model = boards.PI_5,
        *,
        kernel_bits: int | None = None,
        native: bool = False,
        runtime: bool = False,
        saved: Path | None = None,
        disk_mb: int = 2048,
    ) -> None:
        self.bits = bits
        self.kernel_bits = kernel_bits or bits
        self.model = model
        self.runtime = runtime
        self.saved = saved
        self.health = boards.Health()
        self.disk_mb = disk_mb
        self._architecture = NATIVE if native else ARM64 if bits == 64 else ARMHF
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> EmulatedPi:
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def _start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="emulated-pi-"))
        self._cleanup.callback(shutil.rmtree, self.folder)
        self.pid = self._boot()
        self.set_health()
        self._fill_root()
        self.port = _free_port()
        self._write_client_files()
        self.start_server()

    def _boot(self) -> int:
        layers = [self.saved] if self.saved else []
        layers += [installed_runtime(self._architecture)] if self.runtime else []
        layers += [root_file_system(self._architecture)]
        self._work.mkdir()
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"),
                *(sys.executable, "-I", "-S", str(HERE / "boot.py")),
                *(":".join(map(str, layers)), str(self._work), str(self.disk_mb)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # so that Ctrl-C reaches the tests alone, which then clean up
        )
        self._cleanup.callback(_end, process)
        assert process.stdout is not None
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the board did not start: unshare ended with {process.wait()}")
        return int(answer)

    def _fill_root(self) -> None:
        self.write_file("/usr/bin/vcgencmd", (HERE / "vcgencmd").read_bytes(), mode=0o755)
        self.write_file("/dev/vcio", b"", mode=0o660)
        shutil.chown(self.path("/dev/vcio"), 0, 44)  # video's number
        _make_folder(self.path("/run/sshd"))
        policy = "sys/devices/system/cpu"
        for core in range(boards.CORES):
            folder = self.path(f"{policy}/cpu{core}")
            _make_folder(folder)
            (folder / "cpufreq").symlink_to("../cpufreq/policy0")
        if self.kernel_bits != self.bits:
            if not self.path("/usr/bin/uname32").exists():  # a saved board has it
                self.path("/usr/bin/uname").rename(self.path("/usr/bin/uname32"))
            script = '#!/bin/sh\nuname32 "$@" | sed s/armv7l/aarch64/\n'
            self.write_file("/usr/bin/uname", script, mode=0o755)
            self.write_file("/etc/python3.11/sitecustomize.py", SITE_CUSTOMIZE)

    def _write_client_files(self) -> None:
        make_key(self.folder / "id_ed25519")
        public = (self.folder / "id_ed25519.pub").read_bytes()
        keys = f"/home/{self.user}/.ssh/authorized_keys"
        self.write_file(keys, public, mode=0o600, owner=1000)
        self._install_host_key()
        self.write_ssh_config(self.folder, self.port)

    # The board's files

    def path(self, inside: str) -> Path:
        """Return where a path of the board lies, seen from the host.

        The board's absolute links lead to the host's files from here.
        """
        return Path(f"/proc/{self.pid}/root") / inside.lstrip("/")

    def write_file(
        self, inside: str, content: bytes | str, mode: int = 0o644, owner: int = 0
    ) -> None:
        """Write a file of the board as root, with its folders; ``owner`` 1000 is the user."""
        path = self.path(inside)
        missing = [parent for parent in path.parents if not parent.exists()]
        for parent in reversed(missing):
            _make_folder(parent, owner)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        os.chown(path, owner, owner)

    def fill_disk(self, leave_bytes: int = 0) -> None:
        """Leave no more than so many bytes free on the board's disk."""
        with self.path("/var/ballast").open("ab") as ballast:
            space = os.fstatvfs(ballast.fileno())
            length = space.f_bavail * space.f_frsize - leave_bytes
            os.posix_fallocate(ballast.fileno(), 0, max(length, 1))

    def save(self, folder: Path) -> Path:
        """Keep what was changed on the board's disk: with ``saved=folder`` others begin there."""
        changes = self._work / "upper"
        entered = ["nsenter", f"--target={self.pid}", "--mount"]  # only there is the disk mounted
        subprocess.run([*entered, "cp", "-a", str(changes), str(folder)], check=True)
        return folder

    def set_health(self, **changes: object) -> None:
        """Change what the board tells of itself: ``set_health(throttled=0x50005)``."""
        self.health = replace(self.health, **changes)  # type: ignore[arg-type]
        for name, content in boards.board_files(self.model, self.health, self.kernel_bits).items():
            self.write_file(name, content)

    # The board's programs

    def ssh(self, command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command on the board with the system's own SSH client."""
        config = str(self.folder / "ssh_config")
        return subprocess.run(
            ["ssh", "-F", config, "-o", "BatchMode=yes", self.name, command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )

    def as_root(self, *command: str) -> str:
        """Run a program on the board as root, not through SSH, and return what it prints."""
        entered = ("nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--pid")
        done = subprocess.run(
            [*entered, "--root", "--wd=/", "env", "-i", *self._environment(), *command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command} on the board: {done.returncode}\n{done.stderr}")
        return done.stdout

    def processes(self) -> list[BoardProcess]:
        """Return what runs on the board, except the first process, which stands for its kernel."""
        on_board = processes_on(board_of(self.pid))
        return [process for process in on_board if process.pid != self.pid]

    def kill_connections(self) -> None:
        """Cut every SSH connection; the server stays, and so does what was started."""
        server = self._server()
        for process in self.processes():
            name = process.command[0]  # a native one tells whom it serves
            if process != server and (name.endswith("/sshd") or name.startswith("sshd: ")):
                process.send(signal.SIGKILL)

    def stop(self) -> None:
        """Make the board hang: connections are taken by its kernel, and nothing answers."""
        for process in self.processes():
            process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a board that hangs go on."""
        for process in self.processes():
            process.send(signal.SIGCONT)

    # The board's SSH server

    def start_server(self) -> None:
        """Start the SSH server, and wait until it answers."""
        config = SSHD_CONFIG.format(port=self.port, environment=" ".join(self._environment()))
        original = self.path("/etc/ssh/sshd_config").read_text().replace("UsePAM yes", "")
        # For each keyword the first value counts.
        self.write_file("/run/sshd_config", config + original)
        self.as_root("/usr/sbin/sshd", "-f", "/run/sshd_config", "-E", "/run/sshd.log")
        self._wait_for_server()

    def stop_server(self) -> None:
        """End the SSH server: the port is closed. Connections stay."""
        server = self._server()
        if server:
            server.send(signal.SIGKILL)
        while self._server():
            time.sleep(0.01)

    def change_host_key(self) -> None:
        """Give the board a host key other than in ``known_hosts``, as a new SD card would."""
        self.stop_server()
        self._install_host_key()
        self.start_server()

    def trust_host_key(self) -> None:
        """Write the board's present host key into ``known_hosts``."""
        self._write_known_hosts(self.folder, self.port)

    def write_ssh_config(self, folder: Path, port: int) -> None:
        """Write ``ssh_config`` and ``known_hosts`` for a port that leads to the board."""
        text = SSH_CONFIG.format(
            name=self.name,
            host=self.host,
            port=port,
            user=self.user,
            key=self.folder,
            folder=folder,
        )
        (folder / "ssh_config").write_text(text)
        self._write_known_hosts(folder, port)

    def _write_known_hosts(self, folder: Path, port: int) -> None:
        key = self.path("/etc/ssh/host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[{self.host}]:{port} {key}")

    def _install_host_key(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            key = Path(folder) / "host_key"
            make_key(key)
            self.write_file("/etc/ssh/host_key", key.read_bytes(), mode=0o600)
            self.write_file("/etc/ssh/host_key.pub", key.with_suffix(".pub").read_bytes())

    @property
    def _work(self) -> Path:
        return self.folder / "work"

    def _environment(self) -> list[str]:
        # A processor as on the board, not qemu's best: its instructions, and for 32 bits its name.
        cpu = self.model.cpu if self.bits == 64 else "cortex-a15"
        kernel = "v8" if self.kernel_bits == 64 else "v7l"
        return [f"PATH={PATH}", f"QEMU_CPU={cpu}", f"QEMU_UNAME=6.6.51+rpt-rpi-{kernel}"]

    def _server(self) -> BoardProcess | None:
        number = int(self.path("/run/sshd.pid").read_text())
        return next((one for one in self.processes() if one.board_pid == number), None)

    def _wait_for_server(self) -> None:
        give_up = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(
                    (self.host, self.port), timeout=START_TIMEOUT_S
                ) as connection,
            ):
                if connection.recv(255).startswith(b"SSH-"):
                    return
            time.sleep(0.02)
        raise RuntimeError(f"no SSH server:\n{self.path('/run/sshd.log').read_text()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the board's standard input, at which it ends with all that runs on it."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()  # and so, by --kill-child, all of the board
        process.wait()
    process.stdout.close()


def _make_folder(path: Path, owner: int = 0) -> None:
    path.mkdir()
    path.chmod(0o755)  # whatever the tests' umask
    os.chown(path, owner, owner)


def make_key(path: Path) -> Path:
    """Make a pair of keys without a passphrase, and return the private one."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
