"""What the programs share: a JSON line in for each file, a JSON line out."""

import json
import sys


def serve(answer, fatal=()):
    """Answer each job with what ``answer(job)`` gives, or with ``{"error"}``.

    After errors of the types ``fatal`` the program ends, as its library would no longer answer.
    """
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except fatal as error:
            print(json.dumps({"error": str(error), "ends": True}), flush=True)
            return
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply, default=bytes.decode), flush=True)
