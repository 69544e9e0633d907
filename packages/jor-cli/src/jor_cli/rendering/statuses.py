"""How the status of entries is told: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from jor.plan import Survey
from jor.status import Problem, Shortage, Status
from jor.submission import NATIVE

from ..words import jobs_of, told_logs, told_parameters
from .tables import table

#: Version of the JSON.
JSON_VERSION = 1
#: Problems that are told one by one; more are told by their causes.
MOST_PROBLEMS = 10
#: Entries that the table shows; of more, those that need a look.
MOST_ENTRIES = 20
WORST_FIRST = (Status.FAILED, Status.INTERRUPTED, Status.MISSING, Status.RUNNING, Status.QUEUED)
#: Colour of each column's numbers on a terminal.
COLOURS = {
    Status.DONE: "green",
    Status.RUNNING: "cyan",
    Status.QUEUED: "cyan",
    Status.FAILED: "red",
    Status.INTERRUPTED: "yellow",
    Status.MISSING: "yellow",
}


def as_text(surveys: Iterable[Survey], *, colours: bool, most_entries: int | None = MOST_ENTRIES) -> str:
    """Return a table with a line for each entry, the totals, and below it why jobs that were begun are not done.

    Of more than `most_entries`, None for any number, the worst are shown, and the sum of the others.
    """
    rows: list[list[str]] = []
    totals = dict.fromkeys(Status, 0)
    problems: list[tuple[Survey, Problem]] = []
    told: list[str] = []
    on_cluster: list[Survey] = []
    short = dict.fromkeys(Shortage, 0)
    for found in surveys:
        counts = found.status.counts
        rows.append([found.entry.label, *(_number(counts[status]) for status in Status), _number(found.status.total)])
        for status in Status:
            totals[status] += counts[status]
        problems += [(found, problem) for problem in found.status.problems]
        on_cluster += [found] if found.history.batches and found.status.active else []
        told += notes(found)
        for problem in found.status.problems:
            if problem.shortage:
                short[problem.shortage] += 1
    rows = rows if most_entries is None else _folded(rows, most_entries)
    if len(rows) != 1:
        rows.append(["all", *(_number(totals[status]) for status in Status), _number(sum(totals.values()))])
    shown = [status for status in Status if totals[status] or status in (Status.DONE, Status.MISSING)]
    keep = [0, *(1 + list(Status).index(status) for status in shown), len(Status) + 1]
    header = ["entry", *(status.value for status in Status), "total"]
    parts = [
        table(
            [header[k] for k in keep],
            [[row[k] for k in keep] for row in rows],
            right=".".ljust(len(keep), "r"),
            colours=["", *(COLOURS[status] for status in shown), ""] if colours else (),
        )
    ]
    if problems:
        parts += ["", _problems(problems) if len(problems) <= MOST_PROBLEMS else _causes(problems)]
    parts += _advice(short)
    parts += dict.fromkeys(told)
    if on_cluster:
        from .advice import hint  # not for what is done, or runs here

        parts += hint(on_cluster)
    return "\n".join(parts)


def _folded(rows: list[list[str]], most: int) -> list[list[str]]:
    """Return a table's lines as they are if they are few; else the worst first, and the sum of the others."""
    if len(rows) <= most:
        return rows
    places = [1 + list(Status).index(status) for status in WORST_FIRST]
    rows = sorted(rows, key=lambda row: [-_count(row[place]) for place in places])
    others = rows[most - 1 :]
    sums = [_number(sum(_count(row[place]) for row in others)) for place in range(1, len(others[0]))]
    return [*rows[: most - 1], [f"{len(others):,} more (--all)", *sums]]


def _count(number: str) -> int:
    return int(number.replace(",", ""))


def _advice(short: dict[Shortage, int]) -> list[str]:
    """Return what can be done for jobs that ran out of something."""
    told = [f"{jobs_of(count)} ran out of {shortage.value}" for shortage, count in short.items() if count]
    if not told:
        return []
    return [f"{' and '.join(told)}: jor run --retry-scale 2 gives twice as much to those alone"]


def notes(found: Survey) -> list[str]:
    """Return what is to be said of an entry beside its numbers."""
    changes = [f"{found.entry.label}: {change}" for change in _changes(found)]
    return [*_suspects(found), *(note for carrier in found.status.carriers for note in carrier.notes), *changes]


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


def _changes(found: Survey) -> list[str]:
    # Where nothing is asked for, what matters are jobs still to be run: their history has been read.
    asked = found.config["sif"] or found.config["condaenv"]
    if not asked and all(submission.surroundings == NATIVE for _, submission in found.history.submissions[:1]):
        return []
    from ..surroundings import changes  # 10 ms, paid only where there is a container or an environment

    return list(changes(found))


def as_json(surveys: Iterable[Survey]) -> str:
    """Return the status as JSON; see the README for its schema."""
    entries = [_entry(found) for found in surveys]
    totals = {status.value: sum(entry["counts"][status.value] for entry in entries) for status in Status}
    total = sum(entry["total"] for entry in entries)
    return json.dumps({"version": JSON_VERSION, "total": total, "counts": totals, "entries": entries}, indent=1)


def _entry(found: Survey) -> dict[str, Any]:
    entry, status = found.entry, found.status
    return {
        "name": entry.label,
        "jobmodule": entry.jobmodule,
        "jobargs": entry.arguments,
        "output_folder": found.folder,
        "total": status.total,
        "counts": {kind.value: status.counts[kind] for kind in Status},
        "suspect": sorted(status.suspect),
        "notes": [*(note for carrier in status.carriers for note in carrier.notes), *_changes(found)],
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
    from .causes import in_short  # 20 ms, paid only where much has failed

    return in_short(problems)


def _number(count: int) -> str:
    return f"{count:,}"
