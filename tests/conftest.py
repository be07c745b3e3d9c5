"""Fixtures that every test may use: the command as a user runs it, and the shared real data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

import edgecnn
from edgecnn.quantize.result import Conversion

from .at_hand import NotAtHand, made_once, not_here
from .browser import installed_packages, running_browser
from .children import children_of
from .colour_models import write_colour_model
from .conversions import converted_once
from .tflite_models import make_tflite_models
from .warm_start.hooks import (  # noqa: F401
    pytest_configure,
    pytest_runtest_setup,
    pytest_unconfigure,
    warm_command,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]

# TensorFlow stays on the CPU and makes no remarks, here and in the processes of the tests.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# No test fails because the machine is slow or busy.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

SLOWEST_FIRST = (
    "tests/test_demo.py",
    "tests/models/test_build.py",
    "tests/models/test_against_keras.py",
    "tests/clients/test_clients.py",
    "tests/clients/test_strangers.py",
    "tests/quantize/test_recovery.py",
    "tests/quantize/test_convert.py",
    "tests/models/test_training.py",
    "tests/models/test_real_weights.py",
    "tests/pi/test_setup_on_boards.py",
    "tests/cli/test_convert_command.py",
)
"""Files that take a minute or so: two processes end at about the same time if these come first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first."""
    places = {file: place for place, file in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


RunEdgecnn = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real models and photographs; skips where it is not, fails in CI."""
    folder = Path(os.environ.get("EDGECNN_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"no test data in {folder}, and CI must have it")
        pytest.skip("real models and photographs are not here: set EDGECNN_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share, for what each would make alike."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def real_files(shared_data: Path, run_folder: Path) -> Callable[[str], dict[str, Conversion]]:
    """Convert a real model of 224x224 pixels as a user would: ``real_files(name)["int8"].path``."""

    def convert(name: str, folder: Path) -> list[Conversion]:
        return edgecnn.convert(
            shared_data / "models" / f"{name}.keras",
            quantize="float32,int8",
            preprocess="tf",
            resize="crop",
            calibrate=shared_data / "imagenet_sample",
            output=folder,
        )

    return lambda name: converted_once(run_folder, name, lambda folder: convert(name, folder))


@pytest.fixture(scope="session")
def keras() -> Any:
    return pytest.importorskip("keras")


@pytest.fixture(scope="session")
def tflite_models(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small float files by name: a loop, a branch, open sizes, several graphs, a larger batch."""
    return make_tflite_models(tmp_path_factory.mktemp("tflite models"))


@pytest.fixture(scope="session")
def small_model(keras: Any) -> Any:
    """A 32x32 net with a residual addition, ReLU6 and softmax; seeded weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(inputs)
    x = stem = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Add()([layers.Conv2D(16, 3, padding="same")(x), stem])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(5, activation="softmax")(x), name="small")


@pytest.fixture(scope="session")
def small_file(small_model: Any, run_folder: Path) -> Path:
    """The small net, one file for all processes: another one has another time in it."""
    with made_once("small-file", "small", run_folder) as (folder, partial):
        if partial is not None:
            small_model.save(partial / "small.keras")
    return folder / "small.keras"


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 smooth random pictures."""
    folder = tmp_path_factory.mktemp("photos with a space")
    generator = np.random.Generator(np.random.PCG64(1))
    for number in range(24):
        coarse = generator.integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(coarse).resize((48, 48)).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def small_results(small_file: Path, photos: Path, run_folder: Path) -> dict[str, Conversion]:
    def convert(folder: Path) -> list[Conversion]:
        return edgecnn.convert(
            small_file,
            quantize="all",
            preprocess="tf",
            calibrate=photos,
            samples=24,
            output=folder,
        )

    return converted_once(run_folder, "small", convert)


@pytest.fixture()
def new_children() -> Callable[[], list[int]]:
    """Give those children of this process that came after the test began, the oldest first.

    Older ones are no business of the test: they are servers that other tests share.
    """
    if not Path("/proc/self/task").is_dir():
        pytest.skip("children are found in /proc")

    before = set(children_of("self"))
    return lambda: sorted(set(children_of("self")) - before)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, driven by Playwright: ``browser.new_page()``.

    Skips where it is not, fails with EDGECNN_REQUIRE_CLIENTS=1. No longer than a module, because
    an event loop runs in this thread until it is closed.
    """
    try:
        with running_browser() as running:
            yield running
    except NotAtHand as error:
        not_here(str(error), "EDGECNN_REQUIRE_CLIENTS")


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """The folder ``node_modules`` with LiteRT.js and MediaPipe's tasks-vision; skips as browser."""
    try:
        return installed_packages()
    except NotAtHand as error:
        not_here(str(error), "EDGECNN_REQUIRE_CLIENTS")


@pytest.fixture(scope="session", autouse=True)
def user_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests out of the user's own cache, settings and results."""
    os.environ["EDGECNN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["EDGECNN_CONFIG"] = str(tmp_path_factory.mktemp("config"))
    os.environ["EDGECNN_STORE"] = str(tmp_path_factory.mktemp("store") / "results.sqlite")


@pytest.fixture(scope="session")
def run_edgecnn() -> RunEdgecnn:
    """Run the ``edgecnn`` command in a process of its own: ``run_edgecnn("models", "--json")``."""

    def run(
        *arguments: object,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgecnn", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **warm_command(), **(env or {})},
            timeout=timeout,
        )

    return run


@dataclass(frozen=True)
class Measured:
    """How a command ended, and what it took."""

    returncode: int
    errors: list[str]
    peak_bytes: int
    cpu_seconds: float


MEASURED = """
import re, sys, time
from edgecnn.cli.main import run
code = run(sys.argv[2:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1)
open(sys.argv[1], "w").write(f"{peak} {time.process_time()}")
sys.exit(code)
"""
"""Peak memory from /proc: what ``wait4`` says includes the parent's, from before the exec."""


@pytest.fixture()
def measure_edgecnn(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Measured]:
    """Run the ``edgecnn`` command as :func:`run_edgecnn` does, and say its memory and CPU time."""
    if sys.platform != "linux":
        pytest.skip("peak memory is read from /proc")

    def run(*arguments: object) -> Measured:
        report = tmp_path_factory.mktemp("measured") / "report"
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(report), *map(str, arguments)],
            capture_output=True,
            text=True,
        )
        peak, seconds = report.read_text().split()
        return Measured(done.returncode, done.stderr.splitlines(), int(peak) << 10, float(seconds))

    return run


class ColourModel(Protocol):
    """Writes a ``.tflite`` file whose answers follow from its definition."""

    def __call__(
        self,
        path: Path,
        *,
        outputs: int = 3,
        first_class: int = 0,
        dtype: str = "float32",
        metadata: dict[str, object] | None = None,
    ) -> Path: ...


@pytest.fixture(scope="session")
def colour_model() -> ColourModel:
    """Write a model that needs no training: the class is the strongest of red, green, blue.

    It averages a 4x4 image by channel. A float32 file's output ``first_class + c`` is the mean of
    channel ``c``, its others are -1000. A uint8 or int8 file gives the three means alone; its scale
    is 1, so int8 stands for pixels less 128.
    """
    return write_colour_model


@pytest.fixture(scope="session")
def colour_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine readable images in three class folders, one of them wrong, and one that is no image.

    A model that knows red, green and blue is right on 8 of 9.
    """
    folder = tmp_path_factory.mktemp("colours")
    colours = {"0_red": (220, 40, 30), "1_green": (30, 200, 60), "2_blue": (20, 30, 240)}
    for name, colour in colours.items():
        (folder / name).mkdir()
        for number in range(3):
            Image.new("RGB", (8, 8), colour).save(folder / name / f"{number}.png")
    Image.new("RGB", (8, 8), colours["1_green"]).save(folder / "0_red" / "2.png")
    (folder / "2_blue" / "broken.png").write_bytes(b"no image")
    return folder
