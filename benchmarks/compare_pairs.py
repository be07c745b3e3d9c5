"""Whether ``compare`` sees what is there: ``python benchmarks/compare_pairs.py BASE OTHER``.

Measures BASE twice and OTHER once, in turn within one bench or, with ``--apart``, in three benches,
ten times over; compares the first with the second, which should be no different, and with OTHER.
Close other programs first.
"""

from __future__ import annotations

import argparse

import edgecnn
from edgecnn.comparison.changes import Change, changes_of
from edgecnn.comparison.pairing import paired
from edgecnn.records.record import Record


def main() -> None:
    """Measure, and print each comparison and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("other")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--apart", action="store_true", help="one bench each")
    arguments = parser.parse_args()
    counts = {"itself": 0, "other": 0}
    for number in range(arguments.pairs):
        files = (arguments.base, arguments.base, arguments.other)
        benches = [[file] for file in files] if arguments.apart else [files]
        first, second, other = (record for bench in benches for record in edgecnn.bench(bench))
        for name, record in (("itself", second), ("other", other)):
            change = p50_change(first, record)
            assert change.interval is not None
            counts[name] += change.interval.is_different
            print(
                f"{number}: {name:6} {change.change_text}, {change.interval_text}, {change.verdict}"
            )
    for name, count in counts.items():
        print(f"called different from {name}: {count} of {arguments.pairs}")


def p50_change(base: Record, new: Record) -> Change:
    """Return the change of the median."""
    (pair,) = paired([base], [new], force=False)
    return next(change for change in changes_of(pair) if change.metric == "latency_p50_ms")


if __name__ == "__main__":
    main()
