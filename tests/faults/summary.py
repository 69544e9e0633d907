"""The matrix as it came out: a line for each fault, and what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from .matrix import MATRIX, Row, proofs_of

#: What tests count, and what it is called.
COUNTED = {
    "kills": "kills survived",
    "inputs": "inputs tried",
    "commands": "commands at once",
    "jobs": "jobs accounted for",
}


class Found:
    """What has become of the tests of a run: outcomes and counts by the name of the function."""

    def __init__(self, reports: Iterable[Any]) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.counts: dict[str, Counter[str]] = {}
        for report in reports:
            if getattr(report, "when", "") == "call" or report.outcome != "passed":
                name = report.nodeid.partition("[")[0]
                self.outcomes.setdefault(name, Counter())[report.outcome] += 1
                told = {key: int(value) for key, value in getattr(report, "user_properties", ()) if key in COUNTED}
                self.counts.setdefault(name, Counter()).update(told)


def told(found: Found) -> Iterator[str]:
    """Yield the lines of the matrix."""
    width = max(len(row.fault) for row in MATRIX)
    total: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for row in MATRIX:
        outcomes = sum((found.outcomes.get(test, Counter()) for test in proofs_of(row)), Counter[str]())
        counts = sum((found.counts.get(test, Counter()) for test in proofs_of(row)), Counter[str]())
        state = _state(row, found, outcomes)
        states[state] += 1
        total += counts
        counted = "".join(f", {number:,} {COUNTED[key]}" for key, number in counts.items())
        number = f"{outcomes['passed']} tests" if outcomes["passed"] else ""
        yield f"{row.fault:<{width}}  {row.promises:<15}  {state:<12}  {number}{counted}".rstrip()
    yield ""
    yield ", ".join(f"{number} {state}" for state, number in states.items()) + f" of {len(MATRIX)} faults"
    yield ", ".join(f"{total[key]:,} {name}" for key, name in COUNTED.items()) + (
        "; nothing lost" if states["holds"] == len(MATRIX) else ""
    )


def _state(row: Row, found: Found, outcomes: Counter[str]) -> str:
    if not row.tests:
        return "not yet"
    if outcomes["failed"]:
        return "FAILED"
    if all(found.outcomes.get(test, Counter())["passed"] for test in proofs_of(row)):
        return "holds"
    return "in part" if outcomes["passed"] else "not run"
