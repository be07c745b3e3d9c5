"""Passwords and passphrases: the user is asked when one is needed, and they stay in memory."""

from __future__ import annotations

from edgecnn.core.errors import DeviceError

Secrets = dict[str, str]
"""The user's answers by the question that was asked."""


class SecretWantedError(DeviceError):
    """A login needs a password or a passphrase, or another one than was given.

    Args:
        message: What to do where nobody can be asked.
        question: The question to ask the user.
    """

    def __init__(self, message: str, question: str) -> None:
        super().__init__(message)
        self.question = question
