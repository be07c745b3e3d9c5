"""What a user names for reading is opened at once, and only if it is a file."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edgecnn.comparison.references import find_records
from edgecnn.core.errors import InputError
from edgecnn.core.files import first_bytes, sha256_of
from edgecnn.core.input_files import open_input
from edgecnn.data.datasets import open_dataset
from edgecnn.data.images import UnreadableImageError, decode
from edgecnn.devices.inventory import Inventory
from edgecnn.importing.sources import find_source
from edgecnn.model_metadata.labels import read_label_file
from edgecnn.models.weight_files import read_weights
from edgecnn.store.store import Store
from edgecnn.tflite.mapping import map_tflite

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")

READERS: dict[str, Callable[[Path], object]] = {
    "model.tflite": map_tflite,
    "model.keras": lambda path: find_source(str(path)),
    "model.h5": first_bytes,
    "weights.h5": lambda path: read_weights(path, ()),
    "labels.txt": read_label_file,
    "list.csv": open_dataset,
    "data.npz": open_dataset,
    "records.json": lambda path: find_records(str(path), Store),
    "results.sqlite": lambda path: Store(path, create=False),
    "devices.toml": lambda path: Inventory(path).devices(),
}


@needs_pipes
@pytest.mark.parametrize("name", READERS)
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=name):
        READERS[name](tmp_path / name)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
@pytest.mark.parametrize("name", READERS)
def test_a_device_is_not_read_without_end(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match="zero|" + name):
        READERS[name](tmp_path / name)


@needs_pipes
def test_an_image_of_a_list_may_be_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match="it is a pipe"):
        decode(tmp_path / "a.png")


@needs_pipes
def test_labels_may_come_through_a_pipe_that_is_being_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels")
    # A reader that is there lets the writer open the pipe, as a shell's "<(...)" has it open.
    first = os.open(tmp_path / "labels", os.O_RDONLY | os.O_NONBLOCK)
    is_open = threading.Event()

    def write() -> None:
        with (tmp_path / "labels").open("w") as file:
            is_open.set()
            file.write("cat\ndog\n")

    writer = threading.Thread(target=write)
    writer.start()
    assert is_open.wait(30)
    assert read_label_file(tmp_path / "labels") == ("cat", "dog")
    writer.join()
    os.close(first)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is a folder, where a file is needed"):
        open_input(tmp_path)
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(OSError, match="it is a socket"):
            open_input(tmp_path / "s")
    with pytest.raises(FileNotFoundError):
        open_input(tmp_path / "none")


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("f")
    with open_input(tmp_path / "link") as file:
        assert file.read() == b"abc"
    assert sha256_of(tmp_path / "f").startswith("ba7816bf")
