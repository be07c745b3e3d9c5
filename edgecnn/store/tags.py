"""Tags, by which users find results again: which texts can be tags."""

from __future__ import annotations

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted

LONGEST_TAG = 100
"""Characters of a tag at most."""


def check_tag(tag: str) -> str:
    """Return a text that can be a tag.

    Raises:
        InputError: The tag is empty, too long, a number, or has control characters.
    """
    if not tag.strip() or len(tag) > LONGEST_TAG or tag.isdigit() or not tag.isprintable():
        raise InputError(
            f"{quoted(tag)} cannot be a tag: up to {LONGEST_TAG} characters, and not just a number"
        )
    return tag
