"""Failures grouped by their cause, and what the jobs printed last."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

from jor.planning.planner import Survey
from jor.planning.status import Problem, Status
from jor.runtime.record_files import regular

#: Lines of a log that are shown, and bytes that are searched for them.
LAST_LINES = 5
LAST_BYTES = 8192

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@attrs.frozen(eq=False)
class Cause:
    """Jobs with the same fate: reasons that differ in numbers alone are one."""

    #: One of the jobs, and its entry, as the example.
    example: Problem
    survey: Survey
    #: The indices of the jobs, ascending, by the label of their entry.
    jobs: Mapping[str, Sequence[int]]

    @property
    def count(self) -> int:
        """The number of jobs."""
        return sum(map(len, self.jobs.values()))

    @property
    def status(self) -> Status:
        """What has become of all of them."""
        return self.example.status


def causes(problems: Iterable[tuple[Survey, Problem]]) -> list[Cause]:
    """Return what went wrong, the most frequent cause first."""
    examples: dict[tuple[Status, str], tuple[Survey, Problem]] = {}
    jobs: dict[tuple[Status, str], dict[str, list[int]]] = {}
    for survey, problem in problems:
        kind = (problem.status, cause_of(problem))
        examples.setdefault(kind, (survey, problem))
        jobs.setdefault(kind, {}).setdefault(survey.entry.label, []).append(problem.index)
    found = [Cause(problem, survey, jobs[kind]) for kind, (survey, problem) in examples.items()]
    return sorted(found, key=lambda cause: cause.count, reverse=True)


def cause_of(problem: Problem) -> str:
    """Return the reason of a problem without what differs from job to job."""
    return _NUMBER.sub("#", problem.reason)


def last_lines(problem: Problem) -> list[str]:
    """Return the last lines that a job printed, or how a crash begins; none for no lines, or a log that is gone."""
    first, last = problem.log_range
    try:
        size = os.path.getsize(problem.log) if problem.log else 0
        last = min(last or size, size)
        with open(problem.log, "rb", opener=regular) as file:
            file.seek(max(first, last - LAST_BYTES))
            text = file.read(max(0, last - file.tell())).decode(errors="replace")
    except OSError:
        return []
    lines = [printable(line) for line in text.splitlines() if line.strip()]
    # A crash of the interpreter prints its traceback the other way round: the place is at its head (faulthandler).
    heads = [number for number, line in enumerate(lines) if line.startswith("Fatal Python error")]
    return lines[heads[-1] :][:LAST_LINES] if heads else lines[-LAST_LINES:]


def printable(line: str) -> str:
    """Return a line without what would command a terminal."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "" for c in line).rstrip()
