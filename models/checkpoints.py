"""Published weights: choosing the file, downloading it whole, checking it, keeping it.

``EDGECNN_WEIGHTS_URL`` replaces the publisher's address by a mirror with the same file names.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO, Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import cache_folder, replacing, sha256_of
from edgecnn.models.spec import Checkpoint, ModelSpec

MIRROR_VARIABLE = "EDGECNN_WEIGHTS_URL"
TIMEOUT_S = 30.0
DOWNLOAD_BLOCK_BYTES = 1 << 18
CHECKSUM_HEADER = "x-goog-hash"

DownloadProgress = Callable[[int, int], None]
"""Is told (bytes done, bytes in all; 0 if not known) while a file is downloaded."""


def choose_checkpoint(
    spec: ModelSpec, alpha: float, size: tuple[int, int], classes: int
) -> Checkpoint:
    """Return the published checkpoint for an alpha, trained at the size that is nearest.

    Raises:
        InputError: There is no checkpoint for this alpha or number of classes.
    """
    if not spec.checkpoints:
        raise InputError(f"{spec.name} has no published weights: give your own with --weights FILE")
    if classes != 1000:
        raise InputError(
            f"the published weights of {spec.name} have 1000 classes, not {classes}: leave "
            "--classes out, or give your own with --weights FILE"
        )
    fitting = [checkpoint for checkpoint in spec.checkpoints if checkpoint.alpha == alpha]
    if not fitting:
        alphas = sorted({checkpoint.alpha for checkpoint in spec.checkpoints})
        raise InputError(
            f"{spec.name} has published weights for --alpha "
            f"{', '.join(f'{value:g}' for value in alphas)} only, not {alpha:g}: choose one of "
            "these, or give your own with --weights FILE"
        )
    return min(fitting, key=lambda checkpoint: abs(checkpoint.size - min(size)))


def cached_path(checkpoint: Checkpoint) -> Path:
    """Return where a published file of weights is kept, once it was downloaded."""
    return cache_folder("weights") / checkpoint.url.rpartition("/")[2]


def fetch_checkpoint(checkpoint: Checkpoint, on_progress: DownloadProgress | None = None) -> Path:
    """Return a checkpoint's file, from the cache or from its publisher.

    A download is checked against the MD5 that the publisher's loader pins; where it pins none,
    against the MD5 that the publisher's server sends with the file. A cached file is checked
    against the SHA-256 kept beside it.

    Args:
        checkpoint: Published file of weights.
        on_progress: Told (bytes done, bytes in all) while the file is downloaded.

    Raises:
        EdgecnnError: There is no network, the transfer was cut, or the checksum is wrong; no file
            is left behind.
    """
    target = cached_path(checkpoint)
    checksum = target.with_suffix(".sha256")
    if target.is_file() and checksum.is_file() and checksum.read_text() == sha256_of(target):
        return target
    url = _address(checkpoint.url)
    try:
        with replacing(target) as temporary:
            _download(url, temporary, checkpoint.md5, on_progress or (lambda done, total: None))
    except (OSError, http.client.HTTPException, EdgecnnError) as error:
        reason = getattr(error, "reason", None) or error
        raise EdgecnnError(
            f"cannot download {url}: {reason}; try again, or give the file with --weights FILE"
        ) from error
    with replacing(checksum) as temporary:
        temporary.write_text(sha256_of(target))
    return target


def _address(url: str) -> str:
    mirror = os.environ.get(MIRROR_VARIABLE)
    return f"{mirror.rstrip('/')}/{url.rpartition('/')[2]}" if mirror else url


def _download(url: str, target: Path, pinned: str | None, on_progress: DownloadProgress) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "edgecnn"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        expected = pinned or _sent_md5(response.headers)
        total = int(response.headers.get("Content-Length") or 0)
        md5, received = _copy(response, target, total, on_progress)
    if total and received != total:
        raise EdgecnnError(f"the transfer was cut after {received} of {total} bytes")
    if expected is None:
        raise EdgecnnError("the server sends no checksum to verify the file with")
    if md5 != expected:
        raise EdgecnnError(f"its checksum is {md5}, not {expected}")


def _copy(
    response: IO[bytes], target: Path, total: int, on_progress: DownloadProgress
) -> tuple[str, int]:
    digest, received = hashlib.md5(usedforsecurity=False), 0
    with target.open("wb") as file:
        while block := response.read(DOWNLOAD_BLOCK_BYTES):
            file.write(block)
            digest.update(block)
            received += len(block)
            on_progress(received, total)
    return digest.hexdigest(), received


def _sent_md5(headers: Message[Any, Any]) -> str | None:
    """Return the MD5 in the storage server's header ``x-goog-hash: crc32c=...,md5=BASE64``."""
    for header in headers.get_all(CHECKSUM_HEADER) or []:
        for part in header.split(","):
            kind, _, value = part.strip().partition("=")
            if kind == "md5":
                return base64.b64decode(value).hex()
    return None
