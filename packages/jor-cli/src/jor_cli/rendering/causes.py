"""How failures are told by their cause: how many jobs, one of them for example, and what it printed last."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator

import click

from jor.plan import Survey
from jor.status import Problem, Status
from jor.submission import ranges

from ..words import jobs_of, told_parameters
from .tables import width

#: Causes that are told with an example, those that are told in a line each, and entries that are told of a cause.
MOST_CAUSES = 10
MOST_IN_SHORT = 5
MOST_LABELS = 5
#: Lines of a log that are shown, and bytes that are searched for them.
LAST_LINES = 5
LAST_BYTES = 8192

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


Group = list[tuple[Survey, Problem]]


def by_cause(surveys: Iterable[Survey]) -> str:
    """Return what went wrong, the most frequent cause first; causes that differ in numbers alone are one."""
    groups = _groups((found, problem) for found in surveys for problem in found.status.problems)
    if not groups:
        return "[jor] No job has failed"
    told = ["\n".join(_told(group)) for group in groups[:MOST_CAUSES]]
    rest = groups[MOST_CAUSES:]
    if rest:
        told.append(f"... and {jobs_of(sum(map(len, rest)))} of {len(rest):,} more causes: jor status --json tells all")
    return "\n\n".join(told)


def in_short(problems: Iterable[tuple[Survey, Problem]]) -> str:
    """Return the same in a line for each of the most frequent causes."""
    groups = _groups(problems)
    lines = [_title(group, width()) for group in groups[:MOST_IN_SHORT]]
    rest = len(groups) - len(lines)
    more = f"... and {rest:,} more cause{'' if rest == 1 else 's'}: " if rest else ""
    return "\n".join([*lines, f"{more}jor status --failed tells more"])


def _groups(problems: Iterable[tuple[Survey, Problem]]) -> list[Group]:
    groups: dict[tuple[Status, str], Group] = {}
    for found, problem in problems:
        groups.setdefault((problem.status, cause_of(problem)), []).append((found, problem))
    return sorted(groups.values(), key=len, reverse=True)


def cause_of(problem: Problem) -> str:
    """Return the reason of a problem without what differs from job to job."""
    return _NUMBER.sub("#", problem.reason)


def _title(group: Group, size: int) -> str:
    problem = group[0][1]
    return _cut(f"{jobs_of(len(group))} {problem.status.value}: {problem.reason}", size)


def _told(group: Group) -> Iterator[str]:
    found, example = group[0]
    yield click.style(_title(group, 4 * width()), bold=True)
    by_entry: dict[str, list[int]] = {}
    for one, problem in group:
        by_entry.setdefault(one.entry.label, []).append(problem.index)
    for label in list(by_entry)[:MOST_LABELS]:
        told = (str(first) if first == last else f"{first}-{last}" for first, last in ranges(by_entry[label]))
        yield _cut(f"  {label}: {', '.join(told)}", width())
    if len(by_entry) > MOST_LABELS:
        yield f"  ... and jobs of {len(by_entry) - MOST_LABELS:,} more entries"
    yield _cut(f"  for example job {example.index} ({told_parameters(found.parameters(example.index))})", width())
    lines = last_lines(example)
    yield from (f"  | {_cut(line, width() - 4)}" for line in lines)
    if lines:
        yield f"  all of it: jor logs {shlex.quote(found.entry.label)} {example.index}"


def last_lines(problem: Problem) -> list[str]:
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
    text = _printable(text.replace("\n", " "))
    return text if len(text) <= size else f"{text[: size - 1]}…"
