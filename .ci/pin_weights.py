"""Pins the SHA-256 of published weights whose publisher pins no digest, in models/digests.py.

Run it where there is a network, with make's environment: .venv/bin/python .ci/pin_weights.py. It
downloads what is not pinned yet (about 600 MB for all), each file checked against what its server
says of it, and keeps none. Whoever commits the table vouches for the files: compare it with one
that was made elsewhere. Format it afterwards by ruff.
"""

import os
import sys
import tempfile
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.files import sha256_of
from edgecnn.models.checkpoints import fetch_checkpoint
from edgecnn.models.digests import PINNED_SHA256
from edgecnn.models.registry import list_models
from edgecnn.models.spec import Checkpoint

TABLE = Path(__file__).resolve().parents[1] / "models" / "digests.py"
START = "PINNED_SHA256: dict[str, str] = "


def unpinned() -> list[Checkpoint]:
    """The checkpoints that nothing but their server vouches for."""
    every = {each.url: each for spec in list_models() for each in spec.checkpoints}
    return [each for each in every.values() if not (each.md5 or each.sha256)]


def digest(checkpoint: Checkpoint) -> str:
    """The SHA-256 of a checkpoint's file, which is downloaded and removed again."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EDGECNN_CACHE"] = folder
        return sha256_of(fetch_checkpoint(checkpoint))


def write(digests: dict[str, str]) -> None:
    """Write the table in the order of its names."""
    lines = [f'    "{name}": (\n        "{digests[name]}"\n    ),\n' for name in sorted(digests)]
    before = TABLE.read_text().partition(START)[0]
    TABLE.write_text(before + START + "{\n" + "".join(lines) + "}\n")


digests = dict(PINNED_SHA256)
failed = 0
for checkpoint in unpinned():
    try:
        digests[checkpoint.file_name] = digest(checkpoint)
    except EdgecnnError as error:
        failed += 1
        print(error, file=sys.stderr)
    else:
        write(digests)
        print(f"{digests[checkpoint.file_name]}  {checkpoint.file_name}", flush=True)
sys.exit(bool(failed))
