"""How failures are told by their cause: how many jobs, one of them for example, and what it printed last."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

import click

from jor.plan import Survey
from jor.status import Problem, Status

from ..words import jobs_of, told_parameters
from .tables import width

#: Lines of a log that are shown, and bytes that are searched for them.
LAST_LINES = 5
LAST_BYTES = 8192

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def by_cause(surveys: Iterable[Survey]) -> str:
    """Return what went wrong, the most frequent cause first; causes that differ in numbers alone are one."""
    groups: dict[tuple[Status, str], list[tuple[Survey, Problem]]] = {}
    for found in surveys:
        for problem in found.status.problems:
            if problem.reason and problem.status is not Status.QUEUED and problem.status is not Status.RUNNING:
                groups.setdefault((problem.status, cause_of(problem)), []).append((found, problem))
    if not groups:
        return "[jor] No job has failed"
    ordered = sorted(groups.values(), key=len, reverse=True)
    return "\n\n".join("\n".join(_group(group)) for group in ordered)


def cause_of(problem: Problem) -> str:
    """Return the reason of a problem without what differs from job to job."""
    return _NUMBER.sub("#", problem.reason)


def _group(group: Sequence[tuple[Survey, Problem]]) -> Iterator[str]:
    found, example = group[0]
    yield click.style(f"{jobs_of(len(group))} {example.status.value}: {_cut(example.reason, 4 * width())}", bold=True)
    by_entry: dict[str, list[int]] = {}
    for one, problem in group:
        by_entry.setdefault(one.entry.label, []).append(problem.index)
    for label, indices in by_entry.items():
        yield _cut(f"  {label}: {', '.join(map(str, sorted(indices)))}", width())
    yield _cut(f"  for example job {example.index} ({told_parameters(found.parameters(example.index))})", width())
    lines = list(_last_lines(example))
    yield from (f"  | {_cut(line, width() - 4)}" for line in lines)
    if lines:
        yield f"  all of it: jor logs {found.entry.name or found.entry.stem} {example.index}"


def _last_lines(problem: Problem) -> list[str]:
    """Return the last lines that a job printed; none if it printed nothing, or its log is gone."""
    first, last = problem.log_range
    try:
        size = os.path.getsize(problem.log) if problem.log else 0
        last = min(last or size, size)
        with open(problem.log, "rb") as file:
            file.seek(max(first, last - LAST_BYTES))
            text = file.read(max(0, last - file.tell())).decode(errors="replace")
    except OSError:
        return []
    lines = [_printable(line) for line in text.splitlines() if line.strip()]
    return lines[-LAST_LINES:]


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else " " if c == "\t" else "" for c in line).rstrip()


def _cut(text: str, size: int) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= size else f"{text[: size - 1]}…"
