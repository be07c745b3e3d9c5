"""Files and photographs to try, and LiteRT.js as a user fetches it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgecnn.classification.assets import fetch_web_assets
from edgecnn.core.errors import EdgecnnError
from tests.at_hand import not_here


@pytest.fixture(scope="session")
def peers(shared_data: Path) -> dict[str, Path]:
    """The makers' own files of one network, which say themselves how they are used."""
    names = {dtype: f"mobilenet_v1_0.25_224_{dtype}_metadata" for dtype in ("float", "quant")}
    return {dtype: shared_data / "peers" / f"{name}.tflite" for dtype, name in names.items()}


@pytest.fixture(scope="session")
def photos(shared_data: Path) -> list[Path]:
    """Real photographs."""
    folder = shared_data / "imagenet_sample" / "images"
    found = sorted(folder.iterdir())
    return [found[number] for number in (0, 100, 200, 300)]


@pytest.fixture(scope="session")
def web_assets() -> Path:
    """LiteRT.js in the cache, fetched by npm; skips where that cannot be."""
    if not shutil.which("npm"):
        not_here("these tests need npm: '.ci/clients' installs it", "EDGECNN_REQUIRE_CLIENTS")
    try:
        return fetch_web_assets()
    except EdgecnnError as error:
        not_here(str(error), "EDGECNN_REQUIRE_CLIENTS")
