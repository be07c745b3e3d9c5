"""LiteRT.js in the cache: whole and checked, or not there."""

from __future__ import annotations

import dataclasses
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from edgecnn.classification.assets import NAMES, WEB_PACKAGES, fetch_web_assets, unpack
from edgecnn.core.errors import EdgecnnError


def test_what_was_fetched_is_found_and_not_fetched_again(
    web_assets: Path, run_edgecnn: Any
) -> None:
    assert {path.name for path in web_assets.iterdir()} == set(NAMES)
    assert (web_assets / "litert_wasm_internal.wasm").read_bytes()[:4] == b"\0asm"
    told: list[str] = []
    assert fetch_web_assets(told.append) == web_assets
    assert told == []
    done = run_edgecnn("try", "--fetch-web-assets", env={"PATH": "/nonexistent"})
    assert (done.returncode, done.stderr) == (0, "")
    assert str(web_assets) in done.stdout


def test_another_archive_is_refused(tmp_path: Path) -> None:
    archive, folder = tmp_path / "other.tgz", tmp_path / "made"
    folder.mkdir()
    with tarfile.open(archive, "w:gz") as files:
        files.add(__file__, "package/dist/index.js")
    with pytest.raises(EdgecnnError, match="SHA-512 differs"):
        unpack(WEB_PACKAGES[1], archive, folder)
    with pytest.raises(EdgecnnError, match="npm fetched no"):
        unpack(dataclasses.replace(WEB_PACKAGES[1], name="absent"), tmp_path / "absent.tgz", folder)
    assert list(folder.iterdir()) == []


def test_without_npm(tmp_path: Path, run_edgecnn: Any) -> None:
    env = {"EDGECNN_CACHE": str(tmp_path), "PATH": "/nonexistent"}
    done = run_edgecnn("try", "--fetch-web-assets", env=env)
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert first.startswith("fetching LiteRT.js 2.")
    assert last == "edgecnn: npm is needed to fetch LiteRT.js: install Node.js, which brings it"
    assert list((tmp_path / "web").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; echo 'npm error network no host' >&2; exit 1",
         "npm cannot fetch LiteRT.js: network no host"),
        ("exit 3", "it does not say why"),
        ("exit 0", "npm fetched no litertjs-core"),
        ("echo other > litertjs-core-2.5.3.tgz", "SHA-512 differs"),
    ],
)  # fmt: skip
def test_npm_that_fails_or_brings_something_else(
    script: str, says: str, tmp_path: Path, run_edgecnn: Any
) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    env = {
        "EDGECNN_CACHE": str(tmp_path / "cache"),
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    }
    done = run_edgecnn("try", "--fetch-web-assets", env=env)
    assert done.returncode == 1
    assert says in done.stderr.splitlines()[-1]
    assert list((tmp_path / "cache" / "web").iterdir()) == []
