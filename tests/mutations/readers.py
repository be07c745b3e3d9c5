"""Every reader of what comes from outside: what it reads when all is well, and how that is damaged.

A reader's files are made by code, so they need neither a network nor TensorFlow.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

import edgecnn
from edgecnn.classification.classifier import read_classifier
from edgecnn.comparison.references import find_records
from edgecnn.data.anchors import Anchors
from edgecnn.data.datasets import open_dataset
from edgecnn.data.images import decode, decode_cut
from edgecnn.data.inputspec import preset
from edgecnn.data.masks import read_mask
from edgecnn.devices.inventory import Inventory
from edgecnn.golden.calibration_images import calibration_record
from edgecnn.golden.sample import GOLDEN_FILE, read_sample
from edgecnn.importing.exported_program_scan import refuse_code
from edgecnn.importing.onnx_outline import read_outline
from edgecnn.importing.sources import find_source
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.labels import read_label_file
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.model_metadata.writing import encode_metadata
from edgecnn.models.weight_files import read_weights
from edgecnn.profiling.cutting import cutter_of
from edgecnn.profiling.profiled_ops import running_ops
from edgecnn.store.store import Store
from edgecnn.tflite.file import TfliteFile

from . import data_seeds, model_seeds
from .byte_mutators import mutated_bytes
from .container_mutators import (
    mutated_answers,
    mutated_hdf5,
    mutated_message,
    mutated_sqlite,
    mutated_zip,
)
from .conversations import ask_everything, fetch, look
from .oracle import CASE, Way, command
from .text_mutators import Mutator, mutated_json, mutated_lines, mutated_toml
from .tflite_mutators import mutated_tflite, mutated_words


def no_files(folder: Path) -> None:
    """What a reader needs beside the damaged file: nothing."""


@dataclass(frozen=True)
class Reader:
    """A reader of outside data.

    Args:
        file: Name of the damaged file.
        seeds: Makes contents that the reader takes.
        mutate: Damages a content.
        ways: Read the damaged file; all are tried, and the first one says whether it is taken.
        prepare: Makes what the reader needs beside the file, given the folder.
        wrap: Makes the file of the damaged content, where that is a part of a file.
    """

    file: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutator
    ways: tuple[Way, ...]
    prepare: Callable[[Path], None] = no_files
    wrap: Callable[[bytes], bytes] = bytes

    def case(self, random: Random) -> bytes:
        """Return the content of a damaged file."""
        return self.wrap(self.mutate(random.choice(self.seeds()), random))


def read_structure(path: Path) -> None:
    edgecnn.inspect(path).to_dict()
    edgecnn.summarize(path).to_dict()


def read_metadata(path: Path) -> None:
    edgecnn.metadata(path).to_dict()


def change_metadata(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        edgecnn.set_metadata(path, Path(folder) / "set.tflite", name="Ada")


def strip_metadata(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        edgecnn.strip_metadata(path, Path(folder) / "bare.tflite", everything=True)


def use_as_classifier(path: Path) -> None:
    classifier = read_classifier(path)
    assert all(isinstance(note, str) for note in classifier.notes)
    classifier.scores(np.zeros((1, 3), np.float32))


def write_snippets(path: Path) -> None:
    for platform in ("python", "android", "ios", "web"):
        edgecnn.snippet(path, platform)


def cut_up(path: Path) -> None:
    """Cut out each op that a profile would time."""
    call = TfliteFile(path).call()
    ops = running_ops(call.model)
    cutter = cutter_of(path, ops, call.model)
    for op in ops[:20]:
        cutter.alone(op)


def read_golden(path: Path) -> None:
    file = DescribedFile(path)
    if GOLDEN_FILE in file.packed_files:
        read_sample(file.packed_files[GOLDEN_FILE], file.label)
    calibration_record(file)


def read_images(path: Path) -> None:
    decode(path)
    decode_cut(path, preset("tf", 8, 8))


def read_data(path: Path) -> None:
    data = open_dataset(path)
    for index in range(min(3, len(data))):
        data.read(index)
        data.item_name(index)
    assert data.labels is None or len(data.labels) == len(data)


def read_boxes(path: Path) -> None:
    """Read the text of an image's objects where YOLO's layout has it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("images", "labels"):
            (Path(folder) / name).mkdir()
        (Path(folder) / "images" / "a.png").write_bytes(data_seeds.images()[1])
        (Path(folder) / "labels" / "a.txt").write_bytes(path.read_bytes())
        data = open_dataset(folder)
        assert data.targets is not None
        data.targets.content(0)


def read_anchors(path: Path) -> None:
    """Read a detector's anchors, as ``bench --anchors`` does."""
    read = Anchors.of_user(path, "cyxhw", "yxhw", "ssd")
    assert read is not None and read.boxes.shape == (len(read), 4)


def read_source(path: Path) -> None:
    find_source(str(path))


def read_onnx(path: Path) -> None:
    outline = read_outline(path)
    for tensor in outline.inputs:
        outline.has_channels_last(tensor.name)


def read_exported_program(path: Path) -> None:
    refuse_code(path, trust=False)


def read_arrays(path: Path) -> None:
    read_weights(path, tuple(model_seeds.ARRAYS))


def read_store(path: Path) -> None:
    try:
        kept = Store(path, create=False)
        kept.listed()
        list(kept.records())
    finally:
        forget_log(path)


def forget_log(path: Path) -> None:
    """Remove what SQLite keeps beside a database, which would be of the next case."""
    for end in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def on_store(*arguments: str) -> Way:
    run = command(*arguments, "--store", CASE)

    def way(path: Path) -> None:
        try:
            run(path)
        finally:
            forget_log(path)

    return way


def whole_zip(content: bytes, random: Random) -> bytes:
    members = {".json": mutated_json, ".h5": mutated_hdf5, ".txt": mutated_lines}
    return mutated_zip(content, random, members)


def npz_zip(content: bytes, random: Random) -> bytes:
    return mutated_zip(content, random, {})


TFLITE_WAYS = (read_structure, command("inspect", CASE), change_metadata, strip_metadata)

READERS = {
    ".tflite": Reader(
        "model.tflite", model_seeds.tflite_seeds, mutated_tflite,
        (*TFLITE_WAYS, use_as_classifier, cut_up),
    ),
    "public metadata": Reader(
        "model.tflite",
        lambda: [encode_metadata(model_seeds.DESCRIBED), encode_metadata(ModelMetadata(name="a"))],
        mutated_words,
        (read_metadata, command("metadata", "show", CASE), change_metadata, write_snippets),
        wrap=model_seeds.with_public_metadata,
    ),
    "packed files": Reader(
        "model.tflite", lambda: model_seeds.tflite_seeds()[:1], whole_zip,
        (read_metadata, change_metadata, strip_metadata, read_golden),
    ),
    "own metadata": Reader(
        "model.tflite", lambda: [json.dumps(model_seeds.OWN).encode()], mutated_json,
        (read_structure, command("inspect", "--json", CASE), change_metadata, use_as_classifier,
         write_snippets, read_golden),
        wrap=model_seeds.with_own_metadata,
    ),
    "golden sample": Reader(
        "model.tflite", lambda: [model_seeds.golden_sample()], mutated_json,
        (read_golden, command("inspect", CASE)), wrap=model_seeds.with_golden_sample,
    ),
    "labels": Reader(
        "labels.txt", lambda: [model_seeds.LABELS, "\ufeffeins\r\nz\u00e4hne\r\n".encode()],
        mutated_lines, (read_label_file,),
    ),
    "csv": Reader(
        "labels.csv", lambda: data_seeds.CSV, mutated_lines, (read_data,), data_seeds.write_images
    ),
    "val_map": Reader(
        "val_map.txt", lambda: data_seeds.VAL_MAP, mutated_lines, (read_data,),
        data_seeds.write_images,
    ),
    "coco": Reader(
        "annotations.json", lambda: [data_seeds.COCO, data_seeds.COCO_BOXES], mutated_json,
        (read_data,), data_seeds.write_images,
    ),
    "yolo": Reader("a.txt", lambda: data_seeds.YOLO, mutated_lines, (read_boxes,)),
    "anchors.npy": Reader("a.npy", data_seeds.anchors, mutated_bytes, (read_anchors,)),
    "anchors.csv": Reader("a.csv", lambda: data_seeds.ANCHORS, mutated_lines, (read_anchors,)),
    "masks": Reader("mask.png", data_seeds.masks, mutated_bytes, (read_mask,)),
    "npz": Reader("data.npz", data_seeds.arrays, npz_zip, (read_data,)),
    "images": Reader("image", data_seeds.images, mutated_bytes, (read_images,)),
    ".keras": Reader(
        "model.keras", lambda: [model_seeds.keras_file()], whole_zip, (read_source, read_arrays)
    ),
    ".onnx": Reader(
        "model.onnx", lambda: model_seeds.onnx_files(), mutated_bytes, (read_onnx,)
    ),
    ".pt2": Reader(
        "model.pt2", lambda: [model_seeds.exported_program()], whole_zip, (read_exported_program,)
    ),
    ".h5": Reader(
        "model.h5", lambda: [model_seeds.hdf5_file()], mutated_hdf5, (read_arrays, read_source)
    ),
    ".weights.h5": Reader(
        "model.weights.h5", lambda: [model_seeds.weights_file()], mutated_hdf5, (read_arrays,)
    ),
    "inventory": Reader(
        "devices.toml", lambda: [data_seeds.INVENTORY], mutated_toml,
        (lambda path: Inventory(path).devices(),),
    ),
    "records": Reader(
        "records.json", lambda: [data_seeds.records()], mutated_json,
        (lambda path: find_records(str(path), Store), command("compare", CASE, CASE)),
    ),
    "store": Reader(
        "results.sqlite", lambda: [data_seeds.store()], mutated_sqlite,
        (read_store, on_store("results", "list"), on_store("results", "show", "1")),
    ),
    "runner messages": Reader(
        "answers", lambda: [data_seeds.answers()], mutated_answers, (ask_everything,)
    ),
    "set-up messages": Reader("board", data_seeds.boards, mutated_message, (look,)),
    "downloads": Reader(
        "response", lambda: data_seeds.responses(), mutated_lines, (fetch,)
    ),
}  # fmt: skip
