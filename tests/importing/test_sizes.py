"""Models that claim to be far larger than their files: refused before memory is set aside."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.importing.input_format import LoadOptions
from edgecnn.importing.sources import find_source, format_of
from edgecnn.models.build import build, check_arguments
from edgecnn.models.build_options import BuildOptions
from edgecnn.models.hdf5 import stored_numbers
from edgecnn.models.weight_files import read_weights
from edgecnn.models.weight_limit import weights_limited

MEMORY_BYTES = 2 << 30
"""Most memory that refusing a model may take; TensorFlow alone takes a third of it."""

MEASURED = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, "-m", "edgecnn", *sys.argv[1:]]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)
sys.exit(status)
"""

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def model(keras: Any) -> Any:
    """One layer of each kind whose options say how many weights it has."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3)(inputs)
    x = layers.DepthwiseConv2D(3)(x)
    x = layers.BatchNormalization()(x)
    x = layers.UpSampling2D(2)(x)
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(inputs, layers.Dense(5, activation="softmax")(x))


@pytest.fixture(scope="module")
def parts(model: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(parts: dict[str, bytes], layer: str, **settings: object) -> dict[str, bytes]:
    """Return a file's parts, with other settings of the first layer of a class."""
    config = json.loads(parts["config.json"])
    for each in config["config"]["layers"]:
        each.pop("build_config", None)
    first = next(each for each in config["config"]["layers"] if each["class_name"] == layer)
    first["config"].update(settings)
    return {**parts, "config.json": json.dumps(config).encode()}


def written(path: Path, parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def keras_model(path: Path, *, trust: bool = False) -> Any:
    source = find_source(str(path), trust=trust)
    return format_of(source).keras_model(source, LoadOptions(None, {}))[0]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        keras_model(path)
    text = str(caught.value)
    assert path.name in text
    assert text.isprintable()
    return text


@pytest.mark.parametrize(
    ("layer", "settings"),
    [
        ("Dense", {"units": 400_000_000}),
        ("Conv2D", {"filters": 100_000_000}),
        ("Conv2D", {"kernel_size": [20_000, 20_000], "padding": "same"}),
        ("DepthwiseConv2D", {"depth_multiplier": 90_000_000}),
        ("AveragePooling2D", {"pool_size": [1, 1], "strides": [1, 1]}),
        ("InputLayer", {"batch_shape": [None, 4000, 4000, 3]}),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_configuration_that_asks_for_more_than_is_stored(
    parts: dict[str, bytes], layer: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    if layer == "AveragePooling2D":
        parts = changed(parts, "UpSampling2D", size=[300, 300])
    path = written(tmp_path / "a.keras", changed(parts, layer, **settings))
    assert "far more weights than the 353 that are stored" in refusal(path)


def test_the_command_refuses_it_without_the_memory(parts: dict[str, bytes], tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the memory of processes that have ended is counted in other units")
    path = written(tmp_path / "a.keras", changed(parts, "Dense", units=400_000_000))
    assert path.stat().st_size < 40_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "convert", str(path), "--quantize", "float32"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "far more weights" in line
    assert int(done.stdout) < MEMORY_BYTES
    assert list(tmp_path.iterdir()) == [path]


def test_a_legacy_file_that_asks_for_more_than_is_stored(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    model.save(path)
    assert np.allclose(keras_model(path).get_weights()[0], model.get_weights()[0])
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for each in config["config"]["layers"]:
            each["build_config"] = None
            if each["class_name"] == "Dense":
                each["config"]["units"] = 400_000_000
        file.attrs["model_config"] = json.dumps(config)
    assert "far more weights than the 353 that are stored" in refusal(path)


def test_a_deflated_file_is_the_same_model(
    parts: dict[str, bytes], model: Any, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.keras", parts, zipfile.ZIP_DEFLATED)
    for ours, theirs in zip(keras_model(path).get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_configuration_of_many_layers(parts: dict[str, bytes], tmp_path: Path) -> None:
    config = json.loads(parts["config.json"])
    config["config"]["layers"].extend([{"class_name": "ReLU"}] * 50_000)
    path = written(tmp_path / "a.keras", {**parts, "config.json": json.dumps(config).encode()})
    with pytest.raises(InputError, match="layers and parts of layers, where at most 20,000"):
        find_source(str(path))


def test_a_sequence_that_keras_builds_in_minutes(
    keras: Any, parts: dict[str, bytes], tmp_path: Path
) -> None:
    layers = [{"class_name": "ReLU", "module": "keras.layers", "config": {}}] * 300
    config = {"class_name": "Sequential", "module": "keras", "config": {"layers": layers}}
    path = written(tmp_path / "a.keras", {**parts, "config.json": json.dumps(config).encode()})
    with pytest.raises(InputError, match="a sequence of more than 250 layers"):
        find_source(str(path))


@pytest.mark.parametrize("head", [b"\x89HDF\r\n\x1a\n", b"PK\3\4"])
def test_a_file_longer_than_any_model_is_not_read(head: bytes, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("its files take their room on the disk")
    path = tmp_path / "a.keras"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(100 << 30)  # it takes no room on the disk
    readers: tuple[Callable[[], object], ...] = (
        lambda: find_source(str(path)),
        lambda: read_weights(path, ["dense"]),
    )
    for reader in readers:
        with pytest.raises(InputError, match=r"a\.keras' has 100\.0 GiB, more than any model"):
            reader()


@pytest.mark.parametrize("config", ["null", "3", '"text"', "[]", "{}"])
def test_a_configuration_of_nothing(config: str, parts: dict[str, bytes], tmp_path: Path) -> None:
    path = written(tmp_path / "a.keras", {**parts, "config.json": config.encode()})
    assert "cannot be loaded" in refusal(path)


@pytest.mark.parametrize(("height", "width"), [(60_000, 60_000), (1, 20_000_000)])
def test_images_larger_than_any(keras: Any, height: int, width: int, tmp_path: Path) -> None:
    pooled = keras.layers.GlobalAveragePooling2D()
    path = tmp_path / "a.keras"
    keras.Sequential([keras.Input((height, width, 3)), pooled]).save(path)
    source = find_source(str(path))
    with pytest.raises(InputError, match=rf"\(1, {height}, {width}, 3\), where at most"):
        format_of(source).load(source, LoadOptions(None, {}))


def test_activations_larger_than_the_memory(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    path = tmp_path / "a.keras"
    keras.Sequential(
        [keras.Input((32, 32, 3)), layers.UpSampling2D(200_000), layers.GlobalAveragePooling2D()]
    ).save(path)
    source = find_source(str(path))
    with pytest.raises(
        InputError, match=r"computes a tensor of shape .*too large for this machine"
    ):
        format_of(source).load(source, LoadOptions(None, {}))


def test_an_error_that_is_swallowed_is_raised_again(keras: Any) -> None:
    with (
        pytest.raises(InputError, match="too many"),
        weights_limited(10, "too many"),
        contextlib.suppress(InputError),
    ):
        keras.Variable("zeros", shape=(11,))


def test_a_limit_is_for_its_block_and_its_thread(keras: Any) -> None:
    made: list[Any] = []

    def make() -> None:
        made.append(keras.Variable("zeros", shape=(100,)))

    with weights_limited(10, "too many"):
        made.append(keras.Variable(np.zeros(10, np.float32)))
        other = threading.Thread(target=make)
        other.start()
        other.join()
    make()
    assert [variable.shape[0] for variable in made] == [10, 100, 100]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mlp", {"size": 4096}),
        ("vgg16", {"size": 4096}),
    ],
)
def test_options_that_no_file_can_hold(keras: Any, name: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"^{name} .*more weights than a .tflite file can hold"):
        build(name, **options)


@pytest.mark.parametrize("options", [{"classes": 400_000_000}, {"size": 100_000}, {"alpha": 1000}])
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="at most"):
        check_arguments("mobilenet_v2", BuildOptions.of(**options))


def claims_a_shape(file: h5py.File) -> None:
    file.create_dataset("a", (1 << 20, 1 << 20), np.float32)


def claims_a_chunk(file: h5py.File) -> None:
    file.create_dataset("a", (1,), np.float32, chunks=(500_000_000,), maxshape=(None,))


def deflated_zeros(file: h5py.File) -> None:
    file.create_dataset("a", data=np.zeros(40 << 20, np.uint8), compression="gzip")


def one_text_often(file: h5py.File) -> None:
    file.create_dataset("a", data=["x" * 100_000] * 1000, dtype=h5py.string_dtype())


def outside(file: h5py.File) -> None:
    file.create_dataset("a", (4,), np.uint8, external=[("/etc/hostname", 0, 4)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), np.uint8)
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "b", (4,))
    file.create_virtual_dataset("a", layout)


def linked_file(file: h5py.File) -> None:
    file["a"] = h5py.ExternalLink("/tmp/other.h5", "b")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (claims_a_shape, "claims arrays of"),
        (claims_a_chunk, "claims arrays of"),
        (deflated_zeros, "claims arrays of"),
        (one_text_often, "claims arrays of"),
        (outside, "lies in another file"),
        (virtual, "lies in another file"),
        (linked_file, "is a link"),
    ],
)
def test_hdf5_files_that_are_not_what_they_say(
    make: Callable[[h5py.File], None], says: str, parts: dict[str, bytes], tmp_path: Path
) -> None:
    weights = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        make(file["layers"])
    path = written(tmp_path / "a.keras", {**parts, "model.weights.h5": weights.getvalue()})
    assert says in refusal(path)


@pytest.mark.parametrize("make", [claims_a_shape, linked_file])
def test_files_of_weights_that_are_not_what_they_say(
    make: Callable[[h5py.File], None], parts: dict[str, bytes], tmp_path: Path
) -> None:
    weights = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        make(file["layers"])
    path = tmp_path / "a.weights.h5"
    path.write_bytes(weights.getvalue())
    with pytest.raises(InputError, match=r"a\.weights\.h5.*(claims arrays of|is a link)"):
        read_weights(path, ["dense"])


def test_arrays_are_counted_once_however_they_are_joined(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file
        for _ in range(500):
            group = group.create_group("g")
        file["a"] = np.zeros((10, 10), np.float32)
        group["again"], group["round"] = file["a"], file["/"]
        group["scalar"] = 3.0
        group["nothing"] = h5py.Empty("f")
        assert stored_numbers(file, "a.h5") == 101
