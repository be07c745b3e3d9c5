"""The page's server: on loopback only, GET only, and nothing but the files that the page needs."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import os
import re
import shutil
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from edgecnn.classification.assets import WEB_ASSETS, find_web_assets
from edgecnn.classification.classifier import Classifier
from edgecnn.core.errors import InputError
from edgecnn.core.escaping import printable
from edgecnn.core.files import quoted
from edgecnn.core.json_writing import json_text
from edgecnn.core.platform_support import has_screen
from edgecnn.inspection.client_rules import LITERT_JS
from edgecnn.inspection.clients import clients_for

LOOPBACK = "127.0.0.1"
CLIENT_TIMEOUT_S = 30.0

PAGE = "index.html"
PAGE_FILES = (
    PAGE, "style.css", "page.js", "picture.js", "resample.js", "runtime.js",
)  # fmt: skip
"""Files of the page, in ``edgecnn/classification/web``."""

MODEL_ROUTE = "/model.tflite"
DESCRIPTION_ROUTE = "/model.json"

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".tflite": "application/octet-stream",
}

INLINE_SCRIPT = re.compile(rb'<script type="importmap">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class Route:
    """The answer to a path: its content type, and bytes or a file that is read at each request."""

    type: str
    content: bytes | Path


class PageServer:
    """A server that runs in a thread of its own; :func:`serving` makes and ends it."""

    def __init__(self, server: http.server.ThreadingHTTPServer) -> None:
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)
        self._thread.start()
        self.port: int = server.server_port
        self.url = f"http://{LOOPBACK}:{self.port}/"

    def wait(self) -> None:
        """Wait until the server ends, as a rule by Ctrl-C."""
        while self._thread.is_alive():
            self._thread.join(1.0)


@contextmanager
def serving(classifier: Classifier, port: int = 0) -> Iterator[PageServer]:
    """Serve the page that runs a file in the browser, until the block ends.

    Args:
        classifier: The file, as :func:`read_classifier` returns it.
        port: Port of 127.0.0.1; 0 for any free one.

    Raises:
        InputError: LiteRT.js does not take the file, or the port cannot be had.
        EdgecnnError: LiteRT.js was not fetched yet.

    Example:
        >>> with serving(read_classifier("mobilenet.tflite")) as server:
        ...     print(server.url)
        http://127.0.0.1:49152/
    """
    refuse_for_browsers(classifier)
    routes = make_routes(classifier, find_web_assets())
    handler = functools.partial(Handler, routes, content_policy(routes["/"]))
    try:
        server = http.server.ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise InputError(
            f"cannot serve on port {port}: {error.strerror}; leave out --port for a free one"
        ) from error
    server.daemon_threads = True
    try:
        yield PageServer(server)
    finally:
        server.shutdown()
        server.server_close()


def refuse_for_browsers(classifier: Classifier) -> None:
    """Raise InputError where LiteRT.js does not take the file."""
    if classifier.model.subgraph:
        raise InputError(
            f"{quoted(classifier.path)}: LiteRT.js runs a file's first graph, and the signature "
            "runs another: leave out --web"
        )
    for verdict in clients_for(classifier.file.model):
        if verdict.client == LITERT_JS and verdict.ok is False:
            raise InputError(
                f"{quoted(classifier.path)} does not run in the browser by LiteRT.js: "
                f"{'; '.join(verdict.reasons)}"
            )


def make_routes(classifier: Classifier, assets: Path) -> dict[str, Route]:
    """Return the answer to every path that is served.

    Args:
        classifier: The file that the page classifies with.
        assets: The folder with LiteRT.js, as ``find_web_assets`` returns it.
    """
    page = resources.files("edgecnn.classification") / "web"
    routes = {f"/{name}": _route(name, (page / name).read_bytes()) for name in PAGE_FILES}
    routes["/"] = routes[f"/{PAGE}"]
    routes.update({f"/litert/{name}": _route(name, assets / name) for name in WEB_ASSETS})
    routes[MODEL_ROUTE] = _route(MODEL_ROUTE, classifier.path.resolve())
    description = json_text(page_description(classifier)).encode()
    routes[DESCRIPTION_ROUTE] = _route(DESCRIPTION_ROUTE, description)
    return routes


def _route(name: str, content: bytes | Path) -> Route:
    return Route(CONTENT_TYPES[Path(name).suffix], content)


def page_description(classifier: Classifier) -> dict[str, Any]:
    """Return what the page must know of the file, as plain values."""
    scale, zero_point = classifier.output_scale
    return {
        "title": printable(classifier.title),
        "file": printable(classifier.path.name),
        "scheme": classifier.model.scheme,
        "input": classifier.spec.to_dict(),
        "inputType": classifier.input.dtype,
        "inputShape": classifier.input.shape,
        "outputScale": scale,
        "outputZeroPoint": zero_point,
        "probabilities": classifier.gives_probabilities,
        "labels": [printable(classifier.label(index)) for index in range(classifier.classes)],
    }


def content_policy(page: Route) -> str:
    """Return the Content-Security-Policy: this origin only, and the page's own import map.

    WebAssembly and its threads are allowed; code from text, inline styles and frames are not.
    """
    assert isinstance(page.content, bytes)
    inline = INLINE_SCRIPT.search(page.content)
    assert inline is not None
    digest = base64.b64encode(hashlib.sha256(inline.group(1)).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}'",
            "worker-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET of the known paths, to a browser on this machine."""

    server_version = "edgecnn"
    sys_version = ""
    timeout = CLIENT_TIMEOUT_S

    def __init__(self, routes: dict[str, Route], policy: str, *rest: Any) -> None:
        self._routes = routes
        self._policy = policy
        super().__init__(*rest)

    def do_GET(self) -> None:
        """Send one file."""
        # A page elsewhere whose name was pointed at 127.0.0.1 must not read what is served here.
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            self.send_error(403)
            return
        route = self._routes.get(self.path.partition("?")[0])
        if route is None:
            self.send_error(404)
            return
        try:
            self._send(route)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True  # the browser went away

    def _send(self, route: Route) -> None:
        if isinstance(route.content, bytes):
            self._send_head(route.type, len(route.content))
            self.wfile.write(route.content)
            return
        try:
            file = route.content.open("rb")
        except OSError:
            self.send_error(404)  # deleted since the server was started
            return
        with file:
            self._send_head(route.type, os.fstat(file.fileno()).st_size)
            shutil.copyfileobj(file, self.wfile)

    def _send_head(self, kind: str, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def end_headers(self) -> None:
        """Add the headers that every answer has, errors among them."""
        self.send_header("Content-Security-Policy", self._policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        # Browsers give WebAssembly threads to pages with these two only.
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def log_message(self, format: str, *values: object) -> None:
        """Print nothing: the terminal shows the address and what the user does there."""


def open_in_browser(url: str) -> bool:
    """Open a page in the user's browser if there is a screen; say whether that was tried.

    Without a screen, Python would start a text browser in this very terminal.
    """
    return has_screen() and webbrowser.open(url)
