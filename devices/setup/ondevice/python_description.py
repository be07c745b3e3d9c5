"""What a Python on a device is; importing numpy to know its version would take a second there.

The module travels to devices: the standard library alone, and the grammar of Python 3.7.
"""

from __future__ import annotations

import json
import struct
import sys
from importlib import import_module
from importlib.util import find_spec


def main() -> None:
    """Print the fields of ``DevicePython``, but for its path."""
    try:
        numpy = import_module("importlib.metadata").version("numpy")
    except Exception:
        numpy = None
    major, minor = sys.version_info[:2]
    facts = {
        "version": list(sys.version_info[:3]),
        "abi": f"cp{major}{minor}{getattr(sys, 'abiflags', '')}",
        "implementation": sys.implementation.name,
        "bits": struct.calcsize("P") * 8,
        "venv": bool(find_spec("venv")),
        "numpy": numpy,
    }
    print(json.dumps(facts))
