"""A PostgreSQL server of the tests' own, on a free port, gone with them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.at_hand import NotAtHand

PASSWORD = "s3cret-pass"
USER = "postgres"
START_S = 60


@contextmanager
def running_server() -> Iterator[str]:
    """Give the URL of a server's database, without the database's name."""
    programs = _programs()
    # Not pytest's folder: that is closed to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="edgecnn-postgresql-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, USER)
        data = folder / "data"
        command: list[object] = [programs / "initdb", "-D", data, "-U", USER, "-E", "UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync"]
        _run(*command, folder=folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [programs / "postgres", "-D", data, "-p", port, "-k", folder]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [*map(str, command)], stdout=log, stderr=log, cwd=folder, **_as_user()
            )
        try:
            _wait(server, port, folder / "log")
            yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}"
        finally:
            # A fast end, which does not wait for connections: postgres(1), SIGINT.
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders:
        raise NotAtHand("PostgreSQL is not installed: '.ci/postgresql' installs it")
    return folders[-1].parent


def _as_user() -> dict[str, object]:
    """The server refuses to run as root."""
    return {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}


def _run(*command: object, folder: Path) -> None:
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, cwd=folder, **_as_user()
    )
    if done.returncode:
        raise NotAtHand(f"{command[0]} failed: {done.stderr[-500:]}")


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    end = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < end:
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres"
            ).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise NotAtHand(f"PostgreSQL did not start: {log.read_text()[-500:]}")
