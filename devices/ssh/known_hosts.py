"""The host keys that the user trusts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import asyncssh

KNOWN_HOSTS_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts")
SSH_PORT = 22


class KnownHosts:
    """The known_hosts files that there are, read as one.

    Unlike asyncssh itself, this takes a missing file for an empty one, and ``none`` in the
    configuration for no known host rather than for every host.

    Args:
        configured: The files that the SSH configuration names; None for none at all, empty for the
            usual ones.

    Example:
        >>> KnownHosts(()).file
        '~/.ssh/known_hosts'
    """

    def __init__(self, configured: Any) -> None:
        self._files = [Path(name).expanduser() for name in KNOWN_HOSTS_FILES]
        if configured is None or configured:
            self._files = [Path(name) for name in configured or ()]
        texts = [path.read_bytes() for path in self._files if path.is_file()]
        self.content = b"\n".join([*texts, b"\n"])

    @property
    def file(self) -> str:
        """The file that a host key is to be added to, quoted for a shell."""
        if not self._files or self._files[0] == Path(KNOWN_HOSTS_FILES[0]).expanduser():
            return KNOWN_HOSTS_FILES[0]
        return shlex.quote(str(self._files[0]))

    @property
    def command_for_folder(self) -> str:
        """A command that makes the folder of :attr:`file`; nothing where that folder is there."""
        if (
            self.file != KNOWN_HOSTS_FILES[0]
            or Path(KNOWN_HOSTS_FILES[0]).expanduser().parent.is_dir()
        ):
            return ""
        return "mkdir -m 700 ~/.ssh; "

    def knows(self, host: str, addr: str, port: int) -> bool:
        """Say whether there is any key for a host."""
        nonstandard = None if port == SSH_PORT else port
        matched = asyncssh.match_known_hosts(self.content, host, addr, nonstandard)
        return bool(matched[0])
