"""What the programs share: a JSON line in for each file, a JSON line out."""

import json
import sys


def serve(answer):
    """Answer each job with what ``answer(job)`` gives, or with ``{"error"}``."""
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply, default=bytes.decode), flush=True)
