"""A comparison as Markdown for a pull request, and as JUnit XML for a build server."""

from __future__ import annotations

from edgecnn.comparison.changes import CHANGE_TITLES
from edgecnn.comparison.compare import ComparedPair, Comparison
from edgecnn.comparison.gates import GATE_FAILED, GATE_PASSED
from edgecnn.core.escaping import in_html, in_markdown

MARKS = {GATE_PASSED: "✅", GATE_FAILED: "❌"}


def as_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown: a table and the gates of each pair.

    Example:
        >>> as_markdown(compare("before.json", "after.json")).splitlines()[0]
        '## before.json -> after.json'
    """
    lines = [f"## {in_markdown(f'{comparison.base} -> {comparison.new}')}"]
    for compared in comparison.pairs:
        lines += _pair_lines(compared)
    lines += [f"\nMeasured on one side only: {in_markdown(n)}" for n in comparison.left_out]
    return "\n".join(lines) + "\n"


def as_junit(comparison: Comparison) -> str:
    """Return the comparison as JUnit XML: a test suite for each pair, a test case for each gate.

    Args:
        comparison: The comparison; an undecided gate becomes a test in error.
    """
    suites = "".join(_suite(compared) for compared in comparison.pairs)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n{suites}</testsuites>\n'


def _pair_lines(compared: ComparedPair) -> list[str]:
    lines = ["", f"### {in_markdown(compared.pair.name)}", ""]
    if compared.pair.differences:
        lines += [f"Not alike: {in_markdown('; '.join(compared.pair.differences))}", ""]
    for note in compared.pair.notes:
        lines += [f"Note: {in_markdown(note)}", ""]
    lines += [f"| {' | '.join(CHANGE_TITLES)} |", "|---" * len(CHANGE_TITLES) + "|"]
    lines += [f"| {' | '.join(map(in_markdown, change.cells))} |" for change in compared.changes]
    lines += [f"\nNote: {in_markdown(note)}" for note in compared.notes]
    lines += [""] if compared.gates else []
    return lines + [
        f"- {MARKS.get(judged.outcome, '❔')} fail if {in_markdown(judged.gate.text)}: "
        f"**{judged.outcome}** ({in_markdown(judged.reason)})"
        for judged in compared.gates
    ]


def _suite(compared: ComparedPair) -> str:
    failed = sum(judged.outcome == GATE_FAILED for judged in compared.gates)
    passed = sum(judged.outcome == GATE_PASSED for judged in compared.gates)
    pair_name, cases = _attribute(compared.pair.name), ""
    for judged in compared.gates:
        kind = {GATE_PASSED: None, GATE_FAILED: "failure"}.get(judged.outcome, "error")
        attributes = f"classname={pair_name} name={_attribute(judged.gate.text)}"
        inner = f"><{kind} message={_attribute(judged.reason)}/></testcase>" if kind else "/>"
        cases += f"    <testcase {attributes}{inner}\n"
    counts = f'tests="{len(compared.gates)}" failures="{failed}"'
    counts += f' errors="{len(compared.gates) - failed - passed}"'
    return f"  <testsuite name={pair_name} {counts}>\n{cases}  </testsuite>\n"


def _attribute(text: str) -> str:
    return f'"{in_html(text)}"'
