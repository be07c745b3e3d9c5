"""Published weights: choosing the file, downloading it whole, checking it, keeping it.

``EDGECNN_WEIGHTS_URL`` replaces the publisher's address by a mirror with the same file names.
Whatever is downloaded comes over https, also behind redirects, but for a mirror on this machine.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import cache_folder, replacing, sha256_of
from edgecnn.models.spec import Checkpoint, ModelSpec

if TYPE_CHECKING:
    import http.client
    from email.message import Message

MIRROR_VARIABLE = "EDGECNN_WEIGHTS_URL"
TIMEOUT_S = 30.0
MAX_DOWNLOAD_BYTES = 1 << 30
"""Most bytes of a published file; the largest, VGG-19's, has 575 MB."""

MIN_BYTES_PER_S = 1 << 10
SLOW_START_S = 60.0
"""A transfer that is slower than :data:`MIN_BYTES_PER_S` is ended after this time."""

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
    return cache_folder("weights") / checkpoint.file_name


def fetch_checkpoint(
    checkpoint: Checkpoint,
    on_progress: DownloadProgress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Path:
    """Return a checkpoint's file, from the cache or from its publisher.

    A download is checked against the SHA-256 that is pinned here, or else the MD5 that the
    publisher's loader pins; where there is neither, against the MD5 that the publisher's server
    sends with the file, and a note says so. A cached file is checked against the SHA-256 kept
    beside it, and against the pinned one.

    Args:
        checkpoint: Published file of weights.
        on_progress: Told (bytes done, bytes in all) while the file is downloaded.
        on_note: Told that nothing but the server vouches for the file.

    Raises:
        EdgecnnError: There is no network, the transfer was cut, is too slow or would leave https,
            or the checksum is wrong; no file is left behind.
    """
    # Most programs that import this module download nothing.
    from http.client import HTTPException

    target = cached_path(checkpoint)
    checksum = target.with_suffix(".sha256")
    if _is_kept(target, checksum, checkpoint.sha256):
        return target
    url = _address(checkpoint.url)
    with replacing(target) as temporary:
        try:
            _download(url, temporary, checkpoint, on_progress or (lambda done, total: None))
        except (OSError, ValueError, HTTPException, EdgecnnError) as error:
            reason = getattr(error, "reason", None) or error
            raise EdgecnnError(
                f"cannot download {url}: {reason}; try again, or give the file with --weights FILE"
            ) from error
    with replacing(checksum) as temporary:
        temporary.write_text(sha256_of(target))
    if on_note and not (checkpoint.sha256 or checkpoint.md5):
        on_note(
            f"{target.name} was verified by what {urlsplit(url).hostname} says of it alone: no "
            "digest of it is pinned"
        )
    return target


def check_address(url: str, before: str | None = None) -> None:
    """Raise EdgecnnError unless what an address sends cannot be changed on its way.

    Args:
        url: The address: ``https://``, or ``http://`` on this machine.
        before: The address that led there, of which only one on this machine may lead to another
            one there.

    Example:
        >>> check_address("https://example.org/a.h5")
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    if parts.scheme == "http" and _is_loopback(url) and (before is None or _is_loopback(before)):
        return
    leads = "" if before is None else "it leads to "
    raise EdgecnnError(f"{leads}{url!r} is no https:// address, so that anybody could change it")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _opened(url: str) -> Any:
    """Ask for a file, and follow redirects to addresses that :func:`check_address` takes."""
    import urllib.request

    class CheckedRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> urllib.request.Request | None:
            check_address(newurl, before=req.full_url)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    request = urllib.request.Request(url, headers={"User-Agent": "edgecnn"})
    return urllib.request.build_opener(CheckedRedirects).open(request, timeout=TIMEOUT_S)


def _is_kept(target: Path, checksum: Path, pinned: str | None) -> bool:
    if not (target.is_file() and checksum.is_file()):
        return False
    digest = sha256_of(target)
    return checksum.read_bytes() == digest.encode() and pinned in (None, digest)


def _address(url: str) -> str:
    mirror = os.environ.get(MIRROR_VARIABLE)
    return f"{mirror.rstrip('/')}/{url.rpartition('/')[2]}" if mirror else url


@dataclass(frozen=True)
class _Received:
    """What came of a download: its digests in hexadecimal digits, and how long it was."""

    md5: str
    sha256: str
    bytes: int


def _download(
    url: str, target: Path, checkpoint: Checkpoint, on_progress: DownloadProgress
) -> None:
    check_address(url)
    with _opened(url) as response:
        sent = None if checkpoint.sha256 or checkpoint.md5 else _sent_md5(response.headers)
        total = response.length or 0
        if total > MAX_DOWNLOAD_BYTES:
            raise EdgecnnError(f"the server would send {total:,} bytes, more than any weights have")
        received = _copy(response, target, total, on_progress)
    if total and received.bytes != total:
        raise EdgecnnError(f"the transfer was cut after {received.bytes} of {total} bytes")
    expected = checkpoint.sha256 or checkpoint.md5 or sent
    if expected is None:
        raise EdgecnnError("the server sends no checksum to verify the file with")
    found = received.sha256 if checkpoint.sha256 else received.md5
    if found != expected:
        raise EdgecnnError(f"its checksum is {found}, not {expected}")


def _copy(
    response: http.client.HTTPResponse, target: Path, total: int, on_progress: DownloadProgress
) -> _Received:
    md5, sha256, received = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    start = time.monotonic()
    with target.open("wb") as file:
        # `read` would wait for a whole block, however slowly it comes.
        while block := response.read1(DOWNLOAD_BLOCK_BYTES):
            received += len(block)
            if received > MAX_DOWNLOAD_BYTES:
                raise EdgecnnError(f"the server sends more than {MAX_DOWNLOAD_BYTES:,} bytes")
            seconds = time.monotonic() - start
            if seconds > SLOW_START_S and received < seconds * MIN_BYTES_PER_S:
                raise EdgecnnError(f"the server sent {received:,} bytes in {seconds:.0f} s")
            file.write(block)
            md5.update(block)
            sha256.update(block)
            on_progress(received, total)
    return _Received(md5.hexdigest(), sha256.hexdigest(), received)


def _sent_md5(headers: Message[Any, Any]) -> str | None:
    """Return the MD5 in the storage server's header ``x-goog-hash: crc32c=...,md5=BASE64``."""
    for header in headers.get_all(CHECKSUM_HEADER) or []:
        for part in header.split(","):
            kind, _, value = part.strip().partition("=")
            if kind == "md5":
                return base64.b64decode(value).hex()
    return None
