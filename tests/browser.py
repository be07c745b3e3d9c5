"""A real browser without a window, the packages that run .tflite files in it, and a server.

The fixtures ``browser`` and ``node_packages`` of ``tests/conftest.py`` are the way to them.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from .at_hand import NotAtHand, made_once, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PACKAGES = Path(__file__).parent / "clients"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",  # CI runs as root, where Chromium refuses to start with one
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
ADVICE = "'.ci/clients' installs it"


def chromium() -> Path:
    """Find Chromium or Chrome. Raises NotAtHand with what to do."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise NotAtHand(f"these tests need Chromium: {ADVICE}")


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    """Start Chromium without a window; it has a camera with a test picture."""
    program = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotAtHand("these tests need Playwright: it is among edgecnn[dev]") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def installed_packages() -> Path:
    """Return the folder ``node_modules`` with what ``tests/clients/package.json`` names."""
    if not shutil.which("npm"):
        raise NotAtHand(f"these tests need npm: {ADVICE}")
    names = ("package.json", "package-lock.json")
    recipe = "".join((PACKAGES / name).read_text() for name in names)
    with made_once("node", recipe) as (made, partial):
        if partial is not None:
            for name in names:
                shutil.copy(PACKAGES / name, partial)
            run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=partial)
    return made / "node_modules"


class _FolderHandler(http.server.BaseHTTPRequestHandler):
    TYPES = (
        *((".html", "text/html"), (".js", "text/javascript"), (".mjs", "text/javascript")),
        *((".wasm", "application/wasm"), (".png", "image/png")),
    )

    def __init__(self, folders: dict[str, Path], *rest: Any) -> None:
        self.folders = folders
        super().__init__(*rest)

    def do_GET(self) -> None:
        first, _, rest = unquote(urlsplit(self.path).path).strip("/").partition("/")
        path = self.folders.get(first, Path("/nonexistent")) / rest
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        kinds = dict(self.TYPES)
        self.send_header("Content-Type", kinds.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *values: object) -> None:
        pass


@contextlib.contextmanager
def served(**folders: Path) -> Iterator[str]:
    """Serve folders on loopback under their keywords: ``served(files=F)`` has ``{url}/files/…``."""
    handler = functools.partial(_FolderHandler, folders)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        # It looks for the end of the test that often.
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
