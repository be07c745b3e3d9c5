"""Downloading published weights, from real servers on loopback."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.server
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.models.checkpoints import check_address, choose_checkpoint, fetch_checkpoint
from edgecnn.models.registry import get_spec
from edgecnn.models.spec import Checkpoint

from .conftest import write_published_form

CONTENT = bytes(range(256)) * 4096
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file in the ways that the path asks for, and counts."""

    content = CONTENT
    moved = ""
    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if "absent" in self.path:
            self.send_error(404)
            return
        if "moved" in self.path:
            self.send_response(302)
            self.send_header("Location", self.moved)
            self.end_headers()
            return
        self.send_response(200)
        if "endless" in self.path:
            self.end_headers()
            with contextlib.suppress(OSError):  # the other side hangs up
                while True:
                    self.wfile.write(self.content)
        if "drops" in self.path:
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            return
        said = "9" * 15 if "huge" in self.path else str(len(self.content))
        self.send_header("Content-Length", "many" if "unclear" in self.path else said)
        if "garbled" in self.path:
            self.send_header("x-goog-hash", "md5=abc")
        if "hashed" in self.path or "kernels" in self.path:
            digest = base64.b64encode(hashlib.md5(self.content).digest()).decode()
            self.send_header("x-goog-hash", f"crc32c=AAAAAA==,md5={digest}")
        self.end_headers()
        whole = self.content
        self.wfile.write(whole[: len(whole) // 2] if "cut" in self.path else whole)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def running_server(handler: type[Handler], secure: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server on loopback, and yield its address."""
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if secure:
        running.socket = secure.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http{'s' if secure else ''}://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def certified(path: Path) -> ssl.SSLContext:
    """Return what a server on 127.0.0.1 needs for https, whose certificate is written to a file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "edgecnn's tests")])
    today = datetime.datetime.now(datetime.timezone.utc)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(1))
        .not_valid_after(today + datetime.timedelta(1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(addresses, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture()
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Handler]]:
    """A server at the mirror's address; the cache is empty."""
    handler = type("Serving", (Handler,), {"requests": []})
    with running_server(handler) as address:
        monkeypatch.setenv("EDGECNN_WEIGHTS_URL", f"{address}/w/")
        monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
        yield handler


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
        ("absent.h5", MD5, r"absent\.h5: Not Found"),
        ("nothing.h5", None, "no checksum to verify"),
        ("huge.h5", MD5, "would send 999,999,999,999,999 bytes"),
        ("garbled.h5", None, "padding"),
        ("moved.h5", MD5, r"leads to 'http://example\.org/a\.h5' is no https:// address"),
    ],
)
def test_a_bad_transfer_leaves_nothing(
    server: type[Handler], tmp_path: Path, name: str, md5: str | None, says: str
) -> None:
    server.moved = "http://example.org/a.h5"
    with pytest.raises(EdgecnnError, match=says) as caught:
        fetch_checkpoint(Checkpoint(f"https://example.org/{name}", md5=md5))
    assert "--weights FILE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "setting", "value", "says"),
    [
        ("endless.h5", "MAX_DOWNLOAD_BYTES", 10 << 20, "sends more than 10,485,760 bytes"),
        ("drops.h5", "SLOW_START_S", 0.2, r"the server sent \d+ bytes in 0 s"),
    ],
)
def test_a_server_without_end(
    server: type[Handler],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    setting: str,
    value: float,
    says: str,
) -> None:
    monkeypatch.setattr(f"edgecnn.models.checkpoints.{setting}", value)
    with pytest.raises(EdgecnnError, match=says):
        fetch_checkpoint(Checkpoint(f"https://example.org/{name}", md5=MD5))
    assert kept(tmp_path) == []


def test_a_length_that_is_no_number_is_not_needed(server: type[Handler]) -> None:
    server.protocol_version = "HTTP/1.0"
    path = fetch_checkpoint(Checkpoint("https://example.org/unclear.h5", md5=MD5))
    assert path.read_bytes() == CONTENT


def test_a_digest_that_is_pinned_here(server: type[Handler], tmp_path: Path) -> None:
    notes: list[str] = []
    digest = hashlib.sha256(CONTENT).hexdigest()
    unpinned = Checkpoint("https://example.org/hashed.h5")
    path = fetch_checkpoint(unpinned, on_note=notes.append)
    (note,) = notes
    assert "by what 127.0.0.1 says of it alone" in note
    fetch_checkpoint(unpinned, on_note=notes.append)
    assert len(server.requests) == len(notes) == 1
    # One that was kept while there was no pin has to be the one that was pinned since.
    pinned = replace(unpinned, sha256=digest)
    assert fetch_checkpoint(pinned, on_note=notes.append) == path
    assert len(server.requests) == len(notes) == 1
    with pytest.raises(EdgecnnError, match=f"its checksum is {digest}, not 000"):
        fetch_checkpoint(replace(unpinned, sha256="0" * 64))
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "mirror", ["http://example.org/w", "ftp://127.0.0.1/w", "file:///tmp", "http://127.0.0.1.org"]
)
def test_a_mirror_that_others_could_change(
    mirror: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGECNN_WEIGHTS_URL", mirror)
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(EdgecnnError, match=r"is no https:// address.*--weights FILE"):
        fetch_checkpoint(Checkpoint("https://example.org/a.h5", md5=MD5))
    assert kept(tmp_path) == []


def test_https_is_not_left(
    server: type[Handler], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secure = certified(tmp_path / "certificate.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with running_server(server, secure) as address:
        monkeypatch.setenv("EDGECNN_WEIGHTS_URL", address)
        server.moved = "http://example.org/pinned.h5"
        with pytest.raises(EdgecnnError, match=r"leads to 'http://example.*is no https:// address"):
            fetch_checkpoint(Checkpoint("https://example.org/moved.h5", md5=MD5))
        assert server.requests == ["/moved.h5"]
        server.moved = f"{address}/pinned.h5"
        path = fetch_checkpoint(Checkpoint("https://example.org/moved.h5", md5=MD5))
        assert path.read_bytes() == CONTENT


def test_nobody_else_leads_to_this_machine() -> None:
    check_address("http://localhost:80/a.h5", before="http://[::1]/a.h5")
    with pytest.raises(EdgecnnError, match=r"it leads to 'http://localhost/a\.h5'"):
        check_address("http://localhost/a.h5", before="https://example.org/a.h5")


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
    assert "by what 127.0.0.1 says of it alone: no digest of it is pinned" in done.stdout
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
