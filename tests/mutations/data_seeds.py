"""Small valid data to damage: images, lists of labels, records, stores, and devices' answers."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edgecnn.core.messages import to_frame
from edgecnn.devices.setup.protocol import Board, DevicePython, RuntimeState
from edgecnn.runner.ondevice import protocol
from edgecnn.store.store import Store
from tests.store.records import made_record

from .container_mutators import packed_answers

FORMATS = {
    "jpeg": ("JPEG", "RGB", {"quality": 80, "exif": True}), "png": ("PNG", "RGBA", {}),
    "webp": ("WEBP", "RGB", {}), "gif": ("GIF", "P", {}), "bmp": ("BMP", "RGB", {}),
    "tiff": ("TIFF", "RGB", {"compression": "tiff_lzw"}), "ppm": ("PPM", "RGB", {}),
    "grey": ("PNG", "I;16", {}), "cmyk": ("JPEG", "CMYK", {"progressive": True}),
}  # fmt: skip
ORIENTATION = 0x0112


@cache
def images() -> tuple[bytes, ...]:
    """An image of each format and mode."""
    return tuple(_image(*each) for each in FORMATS.values())


def _image(form: str, mode: str, options: dict[str, Any]) -> bytes:
    values = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(values[..., 0].astype(np.uint16) * 200)
    else:
        image = Image.fromarray(values).resize((24, 20)).convert(mode)
    if options.get("exif"):
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        options = {**options, "exif": exif}
    memory = io.BytesIO()
    image.save(memory, form, **options)
    return memory.getvalue()


IMAGE_NAMES = ("a.png", "b.png", "c.png")


def write_images(folder: Path) -> None:
    """Write the images that lists name into their folder."""
    for name, content in zip(IMAGE_NAMES, (images()[1],) * 3, strict=True):
        (folder / name).write_bytes(content)


CSV = (
    b"file,label\na.png,cat\nb.png,dog\nc.png,cat\n",
    b"\xef\xbb\xbfid;class\r\na;1\r\nb;0\r\n",
    b"ImageId,PredictionString\na,n01440764 1 2 3 4\nb,n01440765 1 2 3 4 n01440765 5 6 7 8\n",
    b'"a.png","a ""good"" cat"\nb.png,dog\n',
    b"file,x,y\na.png,1.5,2\nb.png,-3,4e1\nc.png,0,0\n",
    b"file,labels\na.png,cat|dog\nb.png,dog\nc.png,bird|cat\n",
)
VAL_MAP = (b"a.png 1\nb.png 0\nc.png 999\n", b"a.png n01440764\nb.png\tn01440765\n")
COCO = json.dumps(
    {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [
            {"id": 7, "image_id": 1, "category_id": 5, "bbox": [0, 0, 1, 1]},
            {"id": 8, "image_id": 2, "category_id": 6},
        ],
        "categories": [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}],
    }
).encode()


COCO_BOXES = json.dumps(
    {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [
            {"id": 7, "image_id": 1, "category_id": 5, "bbox": [0, 0, 1.5, 1], "area": 1.5},
            {"id": 8, "image_id": 1, "category_id": 6, "bbox": [2, 1, 3, 4], "iscrowd": 1},
        ],
        "categories": [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}],
    }
).encode()
YOLO = (b"0 0.5 0.5 0.25 1\n\n2 0.1 0.2 0.1 0.1\n", b"")


ANCHORS = (b"0.1,0.2,0.3,0.4\n", b"cy,cx,h,w\n1,2,3,4\n\n5,6,7,8\n")


@cache
def anchors() -> tuple[bytes, ...]:
    """Two ``.npy`` of anchors: of 64 and of 32 bits, the second with a batch."""
    memories = [io.BytesIO() for _ in range(2)]
    np.save(memories[0], np.arange(1.0, 13.0).reshape(3, 4))
    np.save(memories[1], np.ones((1, 5, 4), np.float32))
    return tuple(memory.getvalue() for memory in memories)


@cache
def masks() -> tuple[bytes, ...]:
    """A mask with a palette, a grey one, one of 16 bits, and one of two levels."""
    indices = np.array([[0, 1, 2], [255, 1, 0]], np.uint8)
    pictures = [Image.fromarray(indices).convert("P"), Image.fromarray(indices)]
    pictures += [Image.fromarray(indices.astype(np.uint16)), Image.fromarray(indices > 1)]
    memories = [io.BytesIO() for _ in pictures]
    for picture, memory in zip(pictures, memories, strict=True):
        picture.save(memory, "PNG")
    return tuple(memory.getvalue() for memory in memories)


@cache
def arrays() -> tuple[bytes, ...]:
    """Three ``.npz``: plain, with packed floats and one-hot rows, and with several arrays."""
    pixels = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
    plain, packed, several = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(plain, x=pixels, y=np.array([0, 1, 2]))
    hot = np.eye(3, dtype=np.float32)
    np.savez_compressed(packed, images=pixels.astype(np.float64).transpose(0, 3, 1, 2), labels=hot)
    np.savez(several, x=pixels[..., :1], y=[[0.0], [1.0], [2.0]], weights=np.ones((2, 2)))
    return plain.getvalue(), packed.getvalue(), several.getvalue()


INVENTORY = b"""# Devices
[kitchen]
host = "192.168.1.20"
user = "pi"
port = 22
identity = "~/.ssh/id_ed25519"

[garage]
host = "garage.local"
python = "/usr/bin/python3"
"""


@cache
def records() -> bytes:
    """Two records of a bench, as ``bench --json`` prints them."""
    first = made_record(top1_percent=75.0, top5_percent=99.0, images=8, data="photos")
    second = made_record(model="b/model.tflite", threads=2, latency_p50_ms=2.5)
    return json.dumps([first.to_dict(), second.to_dict()]).encode()


@cache
def store() -> bytes:
    """A store of three results, one of them with a tag."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.sqlite"
        kept = Store(path)
        kept.add(made_record(), ("before",), uid="0" * 32)
        kept.add(made_record(device="pi", threads=4), uid="1" * 32)
        kept.add(made_record(scheme="float32", top1_percent=50.0), uid="2" * 32)
        # The log beside the file is for several processes; the case is one file.
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        return path.read_bytes()


STAT = "cpu  1000 0 500 9000 10 0 5 0 0 0"


@cache
def answers() -> bytes:
    """What a runner answers to one question of each kind, in the order of ``ask_everything``."""
    outputs = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    image = protocol.RuntimeTensor("image", (1, 4, 4, 3), "uint8", 0.5, 3)
    scores = protocol.RuntimeTensor("scores", (1, 2), "float32", 0.0, 0)
    counters = protocol.Counters(1.5, STAT, 0.5, 3, 4, 0)
    sent = (
        protocol.HostFacts(
            "a cpu", 4, 4.0, 1 << 33, "Debian", "6.1", "aarch64", "ondemand", "Raspberry Pi 5",
            64, "arm64", ("raspberrypi,5-model-b", "brcm,bcm2712"), ("2400000",),
            protocol.EmulationSigns("/usr/bin/python3", "7f454c46" * 5, "processor: 0", None),
        ),
        protocol.HealthTexts(
            (STAT, "cpu  1100 0 550 9900 10 0 5 0 0 0"), "0.10 0.20 0.30 1/100 4242",
            "MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\n", "pswpin 12\n", ("1500000",),
            (("cpu-thermal", "48312"),), "throttled=0x50000", "temp=48.3'C", "0b5c",
        ),
        protocol.ModelLoaded("ai-edge-litert", "2.3.0", "3.11.2", 1.5, (image,), (scores,)),
        protocol.TensorShapes(((1, 4, 4, 3), None)),
        protocol.ModelChecked(True),
        protocol.ModelWarmed(4.5, 10, True),
        protocol.ModelTimed(
            (3_000_000, 3_100_000, 3_200_000), (0, 10, 20),
            (counters, dataclasses.replace(counters, at_s=2.5, cpu_s=1.25)),
            (("1500000", None),), 42, 50.0,
        ),
        protocol.PowerTexts((" VDD_CORE_A current(7)=1.5A\n VDD_CORE_V volt(15)=0.9V\n",), 3, 1.0),
        protocol.MemoryUse(1 << 20, 1 << 21),
        protocol.BatchClassified(
            ((1, 0), (0, 1)), (True, True), (2, 2), "float32", outputs.tobytes()
        ),
    )  # fmt: skip
    frames = map(to_frame, sent)
    return packed_answers([frame.head() + bytes(frame.payload or b"") for frame in frames])


def boards() -> tuple[bytes, ...]:
    """What devices say of themselves before they are set up, and then."""
    python = DevicePython("/usr/bin/python3", (3, 11, 2), "cp311", "cpython", 64, True, "1.24.2")
    state = RuntimeState(True, None, "3.11.2", "ai-edge-litert", "2.3.0", "1.24.2")
    board = Board(
        "Raspberry Pi 5", "Debian 12", "aarch64", "arm64", "2.36", 10**9, (python,), state
    )
    bare = dataclasses.replace(board, venv=RuntimeState(False, "not set up"))
    return to_frame(board).head(), to_frame(bare).head()


@cache
def responses() -> tuple[bytes, ...]:
    """What web servers send for a file of weights: with its checksum, and without its length."""
    body = b"\x89HDF\r\n\x1a\n" + bytes(100)
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    checksum = f"x-goog-hash: crc32c=AAAAAA==,md5={digest}"
    return (
        _response(body, f"Content-Length: {len(body)}", checksum),
        _response(body, checksum, "Content-Type: application/octet-stream"),
    )


def _response(body: bytes, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "Connection: close", "", ""]).encode() + body
