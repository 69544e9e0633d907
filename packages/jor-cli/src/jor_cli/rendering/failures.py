"""How failures are told by their cause: how many jobs, one of them for example, and what it printed last."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from jor.planning.planner import Survey
from jor.planning.status import Problem

from ..analysis.failures import Cause, causes, last_lines, printable
from ..formatting import counted, jobs_of, told_indices, told_job
from ..terminal import style
from .tables import fit, width

#: Causes that are told with an example, those that are told in a line each, and entries that are told of a cause.
MOST_CAUSES = 10
MOST_IN_SHORT = 5
MOST_LABELS = 5


def by_cause(surveys: Iterable[Survey]) -> str:
    """Return what went wrong, the most frequent cause first; causes that differ in numbers alone are one."""
    found = causes((survey, problem) for survey in surveys for problem in survey.status.problems)
    if not found:
        return "[jor] No job has failed"
    told = ["\n".join(_told(cause)) for cause in found[:MOST_CAUSES]]
    rest = found[MOST_CAUSES:]
    if rest:
        jobs = jobs_of(sum(cause.count for cause in rest))
        told.append(f"... and {jobs} of {len(rest):,} more causes: jor status --json tells all")
    return "\n\n".join(told)


def in_short(problems: Iterable[tuple[Survey, Problem]]) -> str:
    """Return the same in a line for each of the most frequent causes."""
    found = causes(problems)
    lines = [_title(cause, width()) for cause in found[:MOST_IN_SHORT]]
    rest = len(found) - len(lines)
    more = f"... and {counted(rest, 'more cause')}: " if rest else ""
    return "\n".join([*lines, f"{more}jor status --failed tells more"])


def _title(cause: Cause, size: int) -> str:
    return _cut(f"{jobs_of(cause.count)} {cause.status.value}: {cause.example.reason}", size)


def _told(cause: Cause) -> Iterator[str]:
    found, example = cause.survey, cause.example
    yield style(_title(cause, 4 * width()), bold=True)
    for label in list(cause.jobs)[:MOST_LABELS]:
        yield _cut(f"  {label}: {told_indices(cause.jobs[label])}", width())
    if len(cause.jobs) > MOST_LABELS:
        yield f"  ... and jobs of {len(cause.jobs) - MOST_LABELS:,} more entries"
    yield _cut(f"  for example {told_job(found, example.index)}", width())
    lines = last_lines(example)
    yield from (f"  | {_fitted(line, width() - 4)}" for line in lines)
    if lines:
        yield f"  all of it: jor logs {shlex.quote(found.entry.label)} {example.index}"


def _fitted(line: str, size: int) -> str:
    """Cut a line of a log; one of a traceback at the head of its path, since file, line and function are at its end."""
    if len(line) <= size or not line.lstrip().startswith('File "'):
        return _cut(line, size)
    start = line.index('"') + 1
    return _cut(f"{line[:start]}…{line[start + 1 + len(line) - size :]}", size)


def _cut(text: str, size: int) -> str:
    return fit(printable(text.replace("\n", " ")), size)
