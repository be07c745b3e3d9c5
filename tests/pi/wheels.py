"""The TFLite runtimes for a board's Python 3.11: as wheels, and installed."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from tests.at_hand import made_once, run

from .rootfs import AMD64, ARM64, ARMHF, Architecture, compile_python

PLATFORMS = {
    ARM64: ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"),
    ARMHF: ("manylinux_2_34_armv7l",),
    AMD64: ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"),
}
# Whole lists, so that a new release elsewhere changes no test.
LITERT = (
    "ai-edge-litert==2.3.0",
    "backports.strenum==1.2.8",
    "flatbuffers==25.12.19",
    "ml-dtypes==0.6.0",
    "numpy==2.4.6",
    "protobuf==7.36.2",
    "tqdm==4.70.1",
    "typing-extensions==4.16.0",
)
WHEELS = {
    ARM64: LITERT,
    AMD64: LITERT,
    ARMHF: ("tflite-runtime==2.14.0",),  # numpy is the system's
}
PACKAGES = "usr/local/lib/python3.11/dist-packages"


def wheelhouse(architecture: Architecture) -> Path:
    """Return a folder with the runtime's wheels, as a board without a network needs it."""
    platforms = [f"--platform={platform}" for platform in PLATFORMS[architecture]]
    recipe = " ".join((*platforms, *WHEELS[architecture]))
    with made_once(f"wheels-{architecture.debian}", recipe) as (made, partial):
        if partial is not None:
            command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
            target = ("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3")
            options = ("--only-binary=:all:", *target, *platforms, f"--dest={partial}")
            run(*command, *options, *WHEELS[architecture])
    return made


def installed_runtime(architecture: Architecture) -> Path:
    """Return files to lay over a board's, with which its own Python has the runtime.

    As after ``pip install --break-system-packages``, but in seconds: pip under emulation takes
    minutes.
    """
    wheels = wheelhouse(architecture)
    recipe = Path(__file__).read_text()
    with made_once(f"runtime-{architecture.debian}", recipe) as (made, partial):
        if partial is not None:
            for wheel in wheels.glob("*.whl"):
                zipfile.ZipFile(wheel).extractall(partial / PACKAGES)
            compile_python(partial, PACKAGES)
    return made
