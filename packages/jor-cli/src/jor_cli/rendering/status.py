"""How the status of entries is told: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jor.planning.planner import Survey
from jor.planning.status import Problem, Shortage, Status, summed
from jor.runs.submission import ranges

from ..formatting import jobs_of, told_logs, told_old, told_parameters
from .tables import table

#: Version of the JSON.
JSON_VERSION = 1
#: Problems that are told one by one; more are told by their causes.
MOST_PROBLEMS = 10
#: Entries that the table shows; of more, those that need a look.
MOST_ENTRIES = 20
WORST_FIRST = (
    Status.FAILED,
    Status.INTERRUPTED,
    Status.MISSING,
    Status.OUTDATED,
    Status.UNKNOWN,
    Status.RUNNING,
    Status.QUEUED,
)
#: Colour of each column's numbers on a terminal.
COLOURS = {
    Status.DONE: "green",
    Status.RUNNING: "cyan",
    Status.QUEUED: "cyan",
    Status.FAILED: "red",
    Status.INTERRUPTED: "yellow",
    Status.OUTDATED: "yellow",
    Status.MISSING: "yellow",
    Status.UNKNOWN: "magenta",
}
#: What an entry is called, and how many of its jobs are in each state.
Counts = tuple[str, Mapping[Status, int]]
#: Returns what has changed in what an entry's jobs run in.
Changes = Callable[[Survey], Iterable[str]]


def shown(
    surveys: Iterable[Survey],
    changes: Changes,
    *,
    as_json: bool,
    failed: bool,
    by: str | None,
    every: bool,
    colours: bool,
) -> str:
    """Return the status as JSON, by causes, by a parameter, or as a table."""
    if as_json:
        return to_json(surveys, changes)
    if failed:
        from .failures import by_cause  # 20 ms, like the next

        return by_cause(surveys)
    if by is not None:
        from .by_parameter import by_parameter

        return by_parameter(surveys, by)
    return as_text(surveys, changes, colours=colours, most_entries=None if every else MOST_ENTRIES)


def as_text(
    surveys: Iterable[Survey], changes: Changes, *, colours: bool, most_entries: int | None = MOST_ENTRIES
) -> str:
    """Return a table with a line for each entry, the totals, and below it why jobs that were begun are not done.

    Of more than `most_entries`, None for any number, the worst are shown, and the sum of the others.
    """
    counts: list[Counts] = []
    problems: list[tuple[Survey, Problem]] = []
    remarks = Remarks(changes)
    for found in surveys:
        counts.append((found.entry.label, found.status.counts))
        problems += [(found, problem) for problem in found.status.problems]
        remarks.note(found)
    shown, rows = overview(counts, most_entries, how=" (--all)")
    header = ["entry", *(status.value for status in shown), "total"]
    parts = [
        table(
            header,
            [[label, *map(_number, row)] for label, row in rows],
            right=".".ljust(len(header), "r"),
            colours=["", *(COLOURS[status] for status in shown), ""] if colours else (),
        )
    ]
    if problems:
        parts += ["", _problems(problems) if len(problems) <= MOST_PROBLEMS else _causes(problems)]
    return "\n".join([*parts, *remarks.told()])


class Remarks:
    """What is to be said below the table of entries, gathered from one after the other."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._short = Counter[Shortage]()
        self._notes: dict[str, None] = {}
        self._on_cluster: list[Survey] = []

    def note(self, found: Survey) -> None:
        """Take down what is to be said of an entry."""
        status = found.status
        self._short.update(problem.shortage for problem in status.problems if problem.shortage)
        self._notes.update(dict.fromkeys(notes(found, self._changes)))
        self._on_cluster += [found] if found.history.batches and status.active else []

    def told(self) -> list[str]:
        """Return what jobs ran out of, what hinders entries or makes outputs doubtful, and what to ask for instead."""
        told = [*_advice(self._short), *self._notes]
        if self._on_cluster:
            from .advice import hint  # not for what is done, or runs here

            told += hint(self._on_cluster)
        return told


def overview(
    counts: Sequence[Counts], most: int | None = MOST_ENTRIES, *, how: str = ""
) -> tuple[list[Status], list[tuple[str, list[int]]]]:
    """Return the states that are shown, and lines of a label, the number of jobs in each of them, and in all.

    Of more than `most` entries, None for any number, the worst come first, and the sum of the others, with `how` they
    are shown; the sum of all comes last.
    """
    total = summed(line for _, line in counts)
    shown = [status for status in Status if total[status] or status in (Status.DONE, Status.MISSING)]
    lines = list(counts)
    if most is not None and len(lines) > most:
        lines.sort(key=lambda line: [-line[1][status] for status in WORST_FIRST])
        others = lines[most - 1 :]
        lines = [*lines[: most - 1], (f"{len(others):,} more{how}", summed(line for _, line in others))]
    if len(lines) != 1:
        lines.append(("all", total))
    return shown, [(label, [*(line[status] for status in shown), sum(line.values())]) for label, line in lines]


def _advice(short: Mapping[Shortage, int]) -> list[str]:
    """Return what can be done for jobs that ran out of something."""
    told = [f"{jobs_of(count)} ran out of {shortage.value}" for shortage in Shortage if (count := short[shortage])]
    if not told:
        return []
    return [f"{' and '.join(told)}: jor run --retry-scale 2 gives twice as much to those alone"]


def notes(found: Survey, changes: Changes) -> list[str]:
    """Return what is to be said of an entry beside its numbers."""
    of_carriers = [note for carrier in found.status.carriers for note in carrier.notes]
    of_entry = [f"{found.entry.label}: {note}" for note in (*found.status.notices, *changes(found))]
    return [*_old(found), *_suspects(found), *of_carriers, *of_entry]


def _old(found: Survey) -> list[str]:
    """Return what is to be said of outputs that are to be made again."""
    if not found.status.old:
        return []
    what = f"{found.entry.label}: of {told_old(found)}"
    return [f"{what}\n  jor run goes on to make them again; jor accept takes them as they are"]


def _suspects(found: Survey) -> list[str]:
    """Return what is to be said of outputs that may lack something."""
    jobs = sorted(found.status.suspect)
    if not jobs:
        return []
    some = ", ".join(map(str, jobs[:MOST_PROBLEMS])) + (", ..." if len(jobs) > MOST_PROBLEMS else "")
    what = f"{found.entry.label}: {jobs_of(len(jobs))} suspect"
    return [
        f"{what}: a process was killed for want of memory, yet the job ended well: {some}\n"
        "  Look at what is said there by jor logs; delete an output to have it made again"
    ]


def to_json(surveys: Iterable[Survey], changes: Changes) -> str:
    """Return the status as JSON; see the README for its schema."""
    entries = [_entry(found, changes) for found in surveys]
    totals = {status.value: sum(entry["counts"][status.value] for entry in entries) for status in Status}
    total = sum(entry["total"] for entry in entries)
    text = json.dumps({"version": JSON_VERSION, "total": total, "counts": totals, "entries": entries}, indent=1)
    return text.replace("\x7f", r"\u007f")  # the one control character that is not escaped


def _entry(found: Survey, changes: Changes) -> dict[str, Any]:
    entry, status = found.entry, found.status
    return {
        "name": entry.title,
        "jobmodule": entry.jobmodule,
        "jobargs": entry.arguments,
        "output_folder": found.folder,
        "total": status.total,
        "counts": {kind.value: status.counts[kind] for kind in Status},
        "suspect": sorted(status.suspect),
        "old": ranges(status.old),
        "notes": [*(note for carrier in status.carriers for note in carrier.notes), *changes(found)],
        "problems": [
            {
                "job": problem.index,
                "parameters": found.parameters(problem.index),
                "status": problem.status.value,
                "reason": problem.reason,
                "short_of": problem.shortage.value if problem.shortage else None,
                "log": problem.log or None,
                "log_range": list(problem.log_range) if problem.log else None,
                "seconds": problem.seconds,
            }
            for problem in status.problems
        ],
    }


def _problems(problems: Sequence[tuple[Survey, Problem]]) -> str:
    rows = [
        [
            found.entry.label,
            str(problem.index),
            told_parameters(found.parameters(problem.index)),
            f"{problem.status.value}: {problem.reason}",
        ]
        for found, problem in problems
    ]
    logs = told_logs(problem.log for _, problem in problems)
    if len(logs) > 1:
        logs = ["What they printed: jor status --failed, or jor logs ENTRY JOB"]
    return "\n".join([table(["entry", "job", "parameters", "why"], rows, right=".r.."), *logs])


def _causes(problems: Sequence[tuple[Survey, Problem]]) -> str:
    from .failures import in_short  # 20 ms, paid only where much has failed

    return in_short(problems)


def _number(count: int) -> str:
    return f"{count:,}"
