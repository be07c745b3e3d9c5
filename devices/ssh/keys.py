"""The private keys that are shown to a server at a login: the agent's, and those in files."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from edgecnn.core.errors import MissingExtraError
from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input
from edgecnn.core.platform_support import is_exposed
from edgecnn.devices.ssh.credentials import Secrets, SecretWantedError

USUAL_FILES = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")
AGENT_TIMEOUT_S = 10.0
AGENT_VARIABLE = "SSH_AUTH_SOCK"


@dataclass
class Keys:
    """Keys in the order in which they are shown, as ``ssh`` does it.

    The agent's keys come first, and among them those whose files are named; then keys in files.
    Files that a passphrase locks come last: the user is asked only where nothing else helps.

    Attributes:
        pairs: The keys, as asyncssh's key pairs.
        unused: Reasons why the keys of some files are not shown, one a file.
    """

    pairs: list[Any]
    unused: list[str]
    _agent: asyncssh.SSHAgentClient | None = None

    def close(self) -> None:
        """Disconnect from the agent; its keys cannot be shown any more."""
        if self._agent is not None:
            self._agent.close()


@dataclass
class Passphrases:
    """Gives asyncssh the passphrase of a key's file, when a server takes that key.

    Args:
        where: What messages call the server.
        secrets: What the user answered so far; an empty answer means not to use that key.

    Raises:
        SecretWantedError: The user has to be asked. asyncssh catches errors of its own kind only.
    """

    where: str
    secrets: Secrets

    def __call__(self, file: str) -> str:
        """Return the passphrase of a key's file."""
        question = self.question(file)
        taken = f"{self.where}: it takes your key {quoted(file)}"
        if question not in self.secrets:
            raise SecretWantedError(f"{taken}, which a passphrase locks: {_unlock(file)}", question)
        try:
            asyncssh.read_private_key(file, self.secrets[question])
        except ValueError as error:
            if "bcrypt" in str(error):
                raise MissingExtraError("bcrypt", "ssh") from error
            text = f"{taken}, and the passphrase is wrong: {_unlock(file)}"
            raise SecretWantedError(text, question) from error
        return self.secrets[question]

    def is_refused(self, file: Path) -> bool:
        """Return whether the user does not want to unlock a file."""
        return self.secrets.get(self.question(str(file))) == ""

    @staticmethod
    def question(file: str) -> str:
        """Return what to ask the user for the passphrase of a file."""
        return f"Passphrase for the key {quoted(file)}: "


async def find_keys(identity: str | None, config: Any, passphrases: Passphrases) -> Keys:
    """Return the keys to show to a server.

    Args:
        identity: File of the only key to show, or None.
        config: What the SSH configuration says for this server, as asyncssh reads it.
        passphrases: Gives the passphrases that unlock keys in files.

    Raises:
        OSError: ``identity`` cannot be read.
        ValueError: ``identity`` is no private key.
    """
    files = _KeyFiles(passphrases)
    if identity:
        path = Path(identity).expanduser()
        with open_input(path):
            files.add(path, must_be_one=True)
    else:
        for path in _named_files(config):
            files.add(path)
    agent, held = await _agent_keys(config)
    own = [pair for pair in held if pair.public_data in files.public]
    only = bool(identity) or config.get("IdentitiesOnly")
    others = [] if only else [pair for pair in held if pair not in own]
    in_agent = {pair.public_data for pair in held}
    from_files = [pair for pair in (*files.open, *files.locked) if pair.public_data not in in_agent]
    return Keys([*own, *others, *from_files], files.unused, agent)


@dataclass
class _KeyFiles:
    """Files of private keys, looked at one by one."""

    passphrases: Passphrases
    open: list[Any] = field(default_factory=list)
    locked: list[Any] = field(default_factory=list)
    public: list[bytes] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def add(self, path: Path, must_be_one: bool = False) -> None:
        """Add the key of a file, or note why it is not used."""
        public = _public_half(path)
        self.public += [public] if public else []
        if path.suffix != ".pub" and is_exposed(path):  # ssh refuses such a file, too
            self.unused.append(
                f"{quoted(path)} was not used, as others can read it: run 'chmod 600 "
                f"{shlex.quote(str(path))}'"
            )
            return
        try:
            asyncssh.read_private_key(path)
        except asyncssh.KeyImportError as error:
            if str(error).startswith("Passphrase"):
                self._add_locked(path, public)
            elif must_be_one and not public:
                raise
            elif not public:
                self.unused.append(f"{quoted(path)} was not used: {error}")
            return  # With a public half alone, the private one may be the agent's.
        self.open += asyncssh.load_keypairs([str(path)])

    def _add_locked(self, path: Path, public: bytes | None) -> None:
        if public and not self.passphrases.is_refused(path):
            self.locked += asyncssh.load_keypairs([str(path)], self.passphrases)  # type: ignore[arg-type]
        else:
            self.unused.append(
                f"{quoted(path)} was not used, as a passphrase locks it: {_unlock(str(path))}"
            )


def _named_files(config: Any) -> Iterable[Path]:
    """Return the files that exist of those that the configuration names, or of the usual ones."""
    named = config.get("IdentityFile")
    if named is None:
        named = [f"~/.ssh/{name}" for name in USUAL_FILES]
    return filter(_can_be_read, (Path(name).expanduser() for name in named))


def _can_be_read(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _public_half(path: Path) -> bytes | None:
    """Return the public half of a key, from the file beside it or from its own."""
    for file in filter(Path.is_file, (path.with_name(f"{path.name}.pub"), path)):
        try:
            return asyncssh.read_public_key(file).public_data
        except (OSError, ValueError):
            continue
    return None


async def _agent_keys(config: Any) -> tuple[asyncssh.SSHAgentClient | None, list[Any]]:
    """Return the agent and what it holds; an agent that does not answer holds nothing."""
    socket = config.get("IdentityAgent", AGENT_VARIABLE)
    if socket is None:
        return None, []
    path = "" if socket == AGENT_VARIABLE else str(Path(socket).expanduser())
    agent = None
    try:
        agent = await asyncio.wait_for(asyncssh.connect_agent(path), AGENT_TIMEOUT_S)
        return agent, list(await asyncio.wait_for(agent.get_keys(), AGENT_TIMEOUT_S))
    except (OSError, ValueError, asyncssh.Error, asyncio.TimeoutError):
        if agent is not None:
            agent.close()
        return None, []


def _unlock(file: str) -> str:
    return f"unlock it with 'ssh-add {shlex.quote(file)}'"
