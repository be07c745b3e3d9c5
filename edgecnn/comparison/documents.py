"""A comparison as Markdown for a pull request, and as JUnit XML for a build server."""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

from edgecnn.comparison.changes import Change
from edgecnn.comparison.compare import Compared, Comparison
from edgecnn.comparison.gates import FAILED, PASSED
from edgecnn.core.markdown import in_markdown

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no place for, not even escaped: https://www.w3.org/TR/xml/#charsets."""


def value_text(metric: str, value: float) -> str:
    """Show a value with its unit."""
    if metric.endswith("_bytes"):
        return f"{value:,.0f} B"
    if metric.endswith("_percent"):
        return f"{value:.2f} %"
    return f"{value:.3f} ms"


def as_markdown(comparison: Comparison) -> str:
    """Return a heading, and a table and the gates of each pair.

    Example:
        >>> as_markdown(compare("before.json", "after.json")).splitlines()[0]
        '## before.json -> after.json'
    """
    lines = [f"## {in_markdown(f'{comparison.base} -> {comparison.new}')}"]
    for one in comparison.pairs:
        lines += ["", f"### {in_markdown(one.pair.name)}", ""]
        lines += [f"Not alike: {in_markdown('; '.join(one.pair.differences))}", ""] * bool(
            one.pair.differences
        )
        lines += [
            "| metric | base | new | change | interval | verdict |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(change) for change in one.changes]
        lines += [""] if one.gates else []
        lines += [
            f"- {'✅' if judged.outcome == PASSED else '❌' if judged.outcome == FAILED else '❔'} "
            f"fail if {in_markdown(judged.gate.text)}: **{judged.outcome}** "
            f"({in_markdown(judged.reason)})"
            for judged in one.gates
        ]
    lines += [f"\nMeasured on one side only: {in_markdown(n)}" for n in comparison.left_out]
    return "\n".join(lines) + "\n"


def as_junit(comparison: Comparison) -> str:
    """Return one test suite a pair and one test case a gate: failed, or in error if undecided."""
    suites = "".join(_suite(one) for one in comparison.pairs)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n{suites}</testsuites>\n'


def _row(change: Change) -> str:
    values = (value_text(change.metric, value) for value in (change.base, change.new))
    cells = (change.metric, *values, change.change_text, change.interval_text, change.verdict)
    return f"| {' | '.join(map(in_markdown, cells))} |"


def _suite(one: Compared) -> str:
    failed = sum(judged.outcome == FAILED for judged in one.gates)
    passed = sum(judged.outcome == PASSED for judged in one.gates)
    cases = ""
    for judged in one.gates:
        kind = {PASSED: None, FAILED: "failure"}.get(judged.outcome, "error")
        name = (
            f"<testcase classname={_attribute(one.pair.name)} name={_attribute(judged.gate.text)}"
        )
        inner = f"><{kind} message={_attribute(judged.reason)}/></testcase>" if kind else "/>"
        cases += f"    {name}{inner}\n"
    counts = f'tests="{len(one.gates)}" failures="{failed}"'
    counts += f' errors="{len(one.gates) - failed - passed}"'
    return f"  <testsuite name={_attribute(one.pair.name)} {counts}>\n{cases}  </testsuite>\n"


def _attribute(text: str) -> str:
    return quoteattr(NOT_IN_XML.sub("\ufffd", text))
