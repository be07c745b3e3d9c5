"""Passwords and passphrases: asked for when they are wanted, and kept in memory alone."""

from __future__ import annotations

from edgecnn.core.errors import DeviceError

Secrets = dict[str, str]
"""What was answered, by the question that was asked."""


class SecretWanted(DeviceError):
    """A password or a passphrase would help, or another one than was given.

    Args:
        message: What to do where there is none.
        question: What to ask for it.
    """

    def __init__(self, message: str, question: str) -> None:
        super().__init__(message)
        self.question = question
