"""What tests of clients share: each module's jobs, done by every client once."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.at_hand import NotAtHand, not_here

from .clients import Answers, from_all
from .jobs import Job


@pytest.fixture(scope="module")
def answers(jobs: list[Job], browser: Browser, node_packages: Path) -> Answers:
    """The answers of every client to the jobs of a module, by the client's name."""
    try:
        return from_all(jobs, browser, node_packages)
    except NotAtHand as error:
        not_here(str(error), "EDGECNN_REQUIRE_CLIENTS")
