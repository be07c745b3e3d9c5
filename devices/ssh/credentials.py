"""Passwords and passphrases: asked for when they are wanted, and kept in memory alone."""

from __future__ import annotations

from edgecnn.core.errors import DeviceError

Secrets = dict[str, str]
"""What the user answered, by the question that was asked."""


class SecretWantedError(DeviceError):
    """A password or a passphrase would help, or another one than was given.

    Args:
        message: What to do where nobody can be asked.
        question: What to ask.
    """

    def __init__(self, message: str, question: str) -> None:
        super().__init__(message)
        self.question = question
