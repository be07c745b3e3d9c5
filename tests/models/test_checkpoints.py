"""Downloading published weights, from a real server on loopback."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.models.checkpoints import choose_checkpoint, fetch_checkpoint
from edgecnn.models.registry import get_spec
from edgecnn.models.spec import Checkpoint

from .conftest import write_published_form

CONTENT = bytes(range(256)) * 4096
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file in the ways that the path asks for, and counts."""

    content = CONTENT
    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if "absent" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        if "hashed" in self.path or "kernels" in self.path:
            digest = base64.b64encode(hashlib.md5(self.content).digest()).decode()
            self.send_header("x-goog-hash", f"crc32c=AAAAAA==,md5={digest}")
        self.end_headers()
        whole = self.content
        self.wfile.write(whole[: len(whole) // 2] if "cut" in self.path else whole)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture()
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Handler]]:
    """A server at the mirror's address; the cache is empty."""
    handler = type("Serving", (Handler,), {"requests": []})
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("EDGECNN_WEIGHTS_URL", f"http://127.0.0.1:{running.server_port}/w/")
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    yield handler
    running.shutdown()
    thread.join()
    running.server_close()


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "weights").iterdir())


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("https://example.org/pinned.h5", md5=MD5),
        Checkpoint("https://example.org/hashed.h5"),
    ],
)
def test_a_good_file_is_fetched_once(
    server: type[Handler], tmp_path: Path, checkpoint: Checkpoint
) -> None:
    told: list[tuple[int, int]] = []
    path = fetch_checkpoint(checkpoint, lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert fetch_checkpoint(checkpoint) == path
    assert len(server.requests) == 1
    path.write_bytes(b"damaged in the cache")
    assert fetch_checkpoint(checkpoint).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("name", "md5", "says"),
    [
        ("wrong.h5", "0" * 32, f"its checksum is {MD5}"),
        ("cut.h5", MD5, "cut after"),
        ("absent.h5", MD5, "Not Found"),
        ("nothing.h5", None, "no checksum to verify"),
    ],
)
def test_a_bad_transfer_leaves_nothing(
    server: type[Handler], tmp_path: Path, name: str, md5: str | None, says: str
) -> None:
    with pytest.raises(EdgecnnError, match=says) as caught:
        fetch_checkpoint(Checkpoint(f"https://example.org/{name}", md5=md5))
    assert "--weights FILE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert kept(tmp_path) == []


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGECNN_WEIGHTS_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(EdgecnnError, match=r"refused.*--weights FILE"):
        fetch_checkpoint(Checkpoint("https://example.org/a.h5", md5=MD5))
    assert kept(tmp_path) == []


def test_the_command_says_it_in_one_line(run_edgecnn: object, tmp_path: Path) -> None:
    assert callable(run_edgecnn)
    result = run_edgecnn(
        "convert", "mobilenet_v2", "--weights", "imagenet", "--quantize", "float32",
        cwd=tmp_path, env={"EDGECNN_WEIGHTS_URL": "http://127.0.0.1:9/"},
    )  # fmt: skip
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "--weights FILE" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_published_weights(
    server: type[Handler], peer: Any, run_edgecnn: Any, tmp_path: Path
) -> None:
    """From the publisher's file to a file with ImageNet's names that answers as Keras' model."""
    theirs = peer(get_spec("mobilenet_v2"), alpha=0.35, size=96)
    published, picture = tmp_path / "published.h5", tmp_path / "picture.png"
    write_published_form(theirs, published)
    server.content = published.read_bytes()
    named = ("mobilenet_v2", "--weights", "imagenet", "--alpha", "0.35", "--size", "96")
    done = run_edgecnn("convert", *named, "--quantize", "float32", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "labels: the built-in ImageNet names" in done.stdout
    (path,) = tmp_path.glob("*.tflite")
    labels = DescribedFile(path).labels
    assert labels is not None and len(labels) == 1000
    # As ImageNet counts them.
    assert (labels[0], labels[281], labels[999]) == ("tench", "tabby", "toilet tissue")
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96.h5"
    assert server.requests == [f"/w/{name}"]
    found = edgecnn.inspect(path)
    assert found.is_drop_in and found.golden is not None
    assert found.golden["provenance"]["source"]["weights"] == {
        "origin": "imagenet", "name": name, "sha256": hashlib.sha256(server.content).hexdigest(),
    }  # fmt: skip
    assert edgecnn.verify(path).verdict == "identical"
    # 7/8 of 110 pixels are 96, so nothing is resampled.
    pixels = np.random.default_rng(0).integers(0, 256, (110, 110, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    cut = pixels[None, 7:103, 7:103].astype(np.float32)
    logits = np.asarray(theirs(cut / 127.5 - 1, training=False))[0]
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    (answer,) = edgecnn.classify(path, picture)
    order = np.argsort(-shares)[:5]
    assert [best.label for best in answer.top] == [labels[index] for index in order]
    assert [best.score for best in answer.top] == pytest.approx(shares[order], rel=1e-3)


def test_published_files_by_width_and_size() -> None:
    v2 = get_spec("mobilenet_v2")
    assert choose_checkpoint(v2, 0.35, (100, 100), 1000).url.endswith("_0.35_96.h5")
    assert choose_checkpoint(v2, 1.0, (224, 224), 1000).url.endswith("_1.0_224.h5")
    with pytest.raises(InputError, match=r"0\.35, 0\.5, 0\.75, 1, 1\.3, 1\.4"):
        choose_checkpoint(v2, 0.6, (224, 224), 1000)
    with pytest.raises(InputError, match="have 1000 classes"):
        choose_checkpoint(v2, 1.0, (224, 224), 10)
