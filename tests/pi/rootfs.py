"""Root file systems of Debian for Arm, as a Raspberry Pi's userland has them: built, then cached.

One more is for this machine's own processor: it needs no emulator, and is many times faster.

Packages are unpacked by the host's own tools, and what their installation scripts would do is done
here, as far as a board in a test needs it: under emulation those scripts take minutes, unpacking
takes seconds. So programs, libraries and Python are Debian's own, bit by bit, while dpkg's list of
installed packages is empty.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.at_hand import NotAtHand, made_once, run

SUITE = "bookworm"  # of Raspberry Pi OS since 2023, with Python 3.11
DEBIAN_SUITES = ("oldstable", "stable", "testing", "sid", "unstable", "bullseye", SUITE, "trixie")
USER, PASSWORD = "pi", "raspberry"
PASSWORD_HASH = (  # openssl passwd -6 -salt edgecnn raspberry
    "$6$edgecnn$AKCjaZhNJdZhErxzFhizoYogpF0tVrD3God/8ogskK8YLhHyegemppsQpJjGv48Ti/fcPjhmIhOWbq0iuCO8M0"
)
PACKAGES = (
    "base-files,base-passwd,bash,coreutils,dash,dpkg,findutils,grep,gzip,hostname,libc-bin,mawk,"
    "procps,sed,tar,util-linux,python3,python3-venv,openssh-server,openssh-sftp-server,"
    "libatomic1,libstdc++6"
)
UNUSED = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl5",
    "usr/share/zoneinfo",
    "usr/share/bash-completion",
    "usr/lib/udev",
)
LISTED_PROCESSES = 999
LISTED_IN_PROC = (
    *("cmdline", "cpuinfo", "devices", "filesystems", "loadavg", "meminfo", "mounts", "net"),
    *("self", "stat", "swaps", "sys", "thread-self", "uptime", "version", "vmstat"),
)
MERGED_USR_HOOK = "/usr/share/mmdebstrap/hooks/merged-usr"


@dataclass(frozen=True)
class Architecture:
    """One of the userlands, by all the names it goes by; without ``qemu`` it is the host's own."""

    debian: str
    qemu: str
    triplet: str
    machine: str
    extra_packages: str = ""
    alternatives: tuple[str, ...] = ()


ARM64 = Architecture("arm64", "aarch64", "aarch64-linux-gnu", "aarch64")
# A 32-bit board takes numpy from its system: there are no wheels of it.
ARMHF = Architecture(
    "armhf",
    "arm",
    "arm-linux-gnueabihf",
    "armv7l",
    extra_packages=",python3-numpy",
    alternatives=("blas/libblas.so.3", "lapack/liblapack.so.3"),
)
AMD64 = Architecture("amd64", "", "x86_64-linux-gnu", "x86_64")
NATIVE = AMD64 if platform.machine() == "x86_64" else ARM64


def root_file_system(architecture: Architecture) -> Path:
    """Return the folder with a board's files, made first if need be. It must not be written to."""
    recipe = Path(__file__).read_text()
    with made_once(f"rootfs-{architecture.debian}", recipe) as (made, partial):
        if partial is not None:
            _build(architecture, partial)
    return made


def debian_mirror() -> str:
    """Return the mirror that the host's own packages come from."""
    chosen = os.environ.get("EDGECNN_DEBIAN_MIRROR")
    if chosen:
        return chosen
    listed = run(
        "apt-get",
        "indextargets",
        "--no-release-info",
        "--format",
        "$(COMPONENT) $(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
    )
    for line in listed.splitlines():
        component, suite, address = line.split(maxsplit=2)
        if component == "main" and suite in DEBIAN_SUITES:
            return address
    raise NotAtHand("apt's sources name no Debian mirror: set EDGECNN_DEBIAN_MIRROR")


def _build(architecture: Architecture, root: Path) -> None:
    # The release alone: its security updates change nothing for the tests, and their indexes are
    # the ones that are found half renewed.
    run(
        "mmdebstrap",
        "--mode=root",
        "--variant=extract",
        "--skip=check/qemu",
        f"--architectures={architecture.debian}",
        f"--include={PACKAGES}{architecture.extra_packages}",
        f"--hook-dir={MERGED_USR_HOOK}",
        "--aptopt=Acquire::Retries 5",
        SUITE,
        str(root),
        f"deb {debian_mirror()} {SUITE} main",
    )
    for name in UNUSED:
        shutil.rmtree(root / name, ignore_errors=True)
    _add_users(root)
    _link_alternatives(architecture, root)
    _fill_etc(root)
    if architecture.qemu:
        _add_device_tree(architecture, root)
    compile_python(root, "usr/lib/python3.11", "usr/lib/python3/dist-packages")


def _add_users(root: Path) -> None:
    masters = root / "usr/share/base-passwd"
    users = (masters / "passwd.master").read_text().replace(":*:", ":x:")
    users += "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
    users += f"{USER}:x:1000:1000:,,,:/home/{USER}:/bin/bash\n"
    groups = (masters / "group.master").read_text().replace(":*:", ":x:")
    groups = groups.replace("video:x:44:", f"video:x:44:{USER}") + f"{USER}:x:1000:\n"
    secrets = "".join(f"{line.split(':')[0]}:*:19000::::::\n" for line in users.splitlines())
    secrets = secrets.replace(f"{USER}:*:", f"{USER}:{PASSWORD_HASH}:")
    for name, content in {"passwd": users, "group": groups, "shadow": secrets}.items():
        (root / "etc" / name).write_text(content)
    (root / "etc/shadow").chmod(0o600)
    home = root / "home" / USER
    shutil.copytree(root / "etc/skel", home)
    for path in (home, *home.rglob("*")):
        os.chown(path, 1000, 1000)
    home.chmod(0o700)


def _link_alternatives(architecture: Architecture, root: Path) -> None:
    (root / "usr/bin/awk").symlink_to("mawk")
    libraries = root / "usr/lib" / architecture.triplet
    for name in architecture.alternatives:
        (libraries / Path(name).name).symlink_to(name)


def _fill_etc(root: Path) -> None:
    etc = root / "etc"
    shutil.copy(root / "usr/share/base-files/profile", etc / "profile")
    shutil.copy(root / "usr/share/openssh/sshd_config", etc / "ssh/sshd_config")
    (etc / "hostname").write_text("raspberrypi\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 raspberrypi\n")
    (etc / "resolv.conf").unlink(missing_ok=True)
    (etc / "apt/sources.list").unlink(missing_ok=True)


def _add_device_tree(architecture: Architecture, root: Path) -> None:
    """Let emulated programs find ``/proc/device-tree``, which a kernel for PCs does not have.

    Nothing can be added to /proc, but a path that exists below qemu's folder for libraries is
    taken from there. So are then the two folders above when they are listed. Hence the links to
    nowhere: these names are listed, but do not exist there, so they are found where they really
    are. It is not perfect: access(2), as in a shell's ``[ -r``, does not look into qemu's folder,
    and of the processes only those up to ``LISTED_PROCESSES`` are listed.
    """
    above = root / "etc/qemu-binfmt" / architecture.qemu
    (above / "proc").mkdir(parents=True)
    names = [entry.name for entry in root.iterdir() if entry.name != "proc"]
    names += [f"proc/{number}" for number in range(1, LISTED_PROCESSES + 1)]
    names += [f"proc/{name}" for name in LISTED_IN_PROC]
    for name in names:
        (above / name).symlink_to("nowhere")
    (above / "proc/device-tree").symlink_to("/sys/firmware/devicetree/base")


def compile_python(root: Path, *folders: str) -> None:
    """Compile Python code for the board's Python 3.11: its user may not, so every start would."""
    python = shutil.which("python3.11", path=os.defpath)  # bytecode is alike on all processors
    if python:
        command = [python, "-I", "-m", "compileall", "-q", "-j", "0", "-s", str(root), "-p", "/"]
        folders = tuple(str(root / folder) for folder in folders)
    else:
        command = ["chroot", str(root), "/usr/bin/python3", "-I", "-m", "compileall", "-q"]
        folders = tuple(f"/{folder}" for folder in folders)
    # Some files are wrong on purpose (lib2to3's test data): the exit code says nothing.
    subprocess.run([*command, *folders], stdout=subprocess.DEVNULL, check=False)
