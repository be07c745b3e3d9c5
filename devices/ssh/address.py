"""Addresses of machines over SSH: ``[user@]host[:port]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from edgecnn.core.errors import InputError, shown_value

PORTS = range(1, 65536)
USER_AND_HOST = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<rest>.*)", re.DOTALL)
BRACKETED = re.compile(r"\[(?P<host>[^][]*)\](?::(?P<port>.*))?", re.DOTALL)
HOST_NAME = re.compile(r"[A-Za-z0-9_.:%-]+")
USER_NAME = re.compile(r"[A-Za-z0-9_.+$-]+")


@dataclass(frozen=True)
class SshAddress:
    """How to reach a machine over SSH; what is None is left to the SSH configuration.

    Args:
        host: Name, address, or what the SSH configuration calls the machine.
        user: Name to log in with.
        port: Port of the SSH server.
        identity: File of the private key to show.
        python: Path of the machine's Python that has a runtime; None for the environment that
            ``edgecnn devices setup`` makes.
    """

    scheme: ClassVar[str] = "ssh"

    host: str
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    python: str | None = None

    def __post_init__(self) -> None:
        """Raise InputError for names that could be taken for something else."""
        _check("host", self.host, HOST_NAME)
        if self.user is not None:
            _check("user", self.user, USER_NAME)
        if self.port is not None and self.port not in PORTS:
            raise InputError(f"port {self.port} is not one of 1 to 65535")
        for what in ("identity", "python"):
            _check_path(what, getattr(self, what))

    @classmethod
    def parse(cls, text: str) -> SshAddress:
        """Read ``[user@]host[:port]``; an IPv6 address stands in brackets before a port.

        Raises:
            InputError: The text is no address, or has a name that no machine can have.

        Example:
            >>> SshAddress.parse("pi@raspberrypi.local:2222").port
            2222
        """
        match = USER_AND_HOST.fullmatch(text)
        assert match is not None
        user, rest = match["user"], match["rest"]
        if bracketed := BRACKETED.fullmatch(rest):
            host, port = bracketed["host"], bracketed["port"]
        elif rest.count(":") > 1:
            host, port = rest, None
        else:
            host, colon, after = rest.partition(":")
            port = after if colon else None
        return cls(host, user, None if port is None else _port(port))

    def __str__(self) -> str:
        """Return what :meth:`parse` reads."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{user}{host}" + (f":{self.port}" if self.port else "")


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise InputError(f"{shown_value(text)} is not a port: 1 to 65535")
    return int(text)


def _check(what: str, value: str, allowed: re.Pattern[str]) -> None:
    """Refuse names with which a shell, ssh or a log could be misled."""
    if not value:
        raise InputError(f"no {what} is named: give [user@]host[:port], as pi@raspberrypi.local")
    if value.startswith("-") or not allowed.fullmatch(value) or len(value) > 255:
        raise InputError(f"{shown_value(value)} cannot be the name of a {what}")


def _check_path(what: str, value: str | None) -> None:
    if value is not None and (not value or value.startswith("-") or not value.isprintable()):
        raise InputError(f"{shown_value(value)} cannot be the path of {what}")
