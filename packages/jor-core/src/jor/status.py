"""What has become of each job: outputs, then journals, then who is at work.

Truth, in this order: the output, the journal's end record, whether somebody carries the submission out.
"""

from __future__ import annotations

import enum
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from . import submission as submissions
from .lock import holder
from .runtime.jobs import JobsBase
from .runtime.journal import Reader, Record
from .runtime.outputs import output_name
from .runtime.owner import Owner
from .runtime.records import Run
from .runtime.staging import stamp
from .submission import Ranges


class Status(enum.Enum):
    """Each job is in exactly one."""

    DONE = "done"
    RUNNING = "running"
    QUEUED = "queued"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    MISSING = "missing"


#: A job in one of these has to run.
PENDING = (Status.FAILED, Status.INTERRUPTED, Status.MISSING)


@attrs.frozen
class Problem:
    """Why a job that was begun is not done."""

    index: int
    status: Status
    reason: str
    #: Where its output to the terminal was kept: a file, and first and last byte; "" if nowhere.
    log: str = ""
    log_range: tuple[int, int] = (0, 0)
    seconds: float | None = None


@attrs.frozen
class Attempt:
    """A submission seen by `judge`: what it planned, who carries it out, and the newest record of each job."""

    planned: Ranges
    #: Who carries it out; None when it is over.
    owner: Owner | None
    records: Callable[[], Mapping[int, Record]]


@attrs.frozen
class EntryStatus:
    """The status of all jobs of an entry."""

    total: int
    counts: Mapping[Status, int]
    #: Indices of the jobs that have to run, ascending.
    pending: Sequence[int]
    problems: Sequence[Problem]
    #: Who is running or about to run jobs of it.
    owners: tuple[Owner, ...]


def judge(
    total: int,
    absent: Sequence[int],
    attempts: Sequence[Attempt],
    *,
    empty: frozenset[int],
    exists: Callable[[int], bool],
) -> EntryStatus:
    """Return the status of jobs 0 .. `total`-1.

    `absent` are the indices without a complete output, ascending; those of them in `empty` have an empty one.
    `attempts` are the entry's submissions, the newest first. `exists` looks anew for the output of a job that ended
    after `absent` was found.
    """
    counts = dict.fromkeys(Status, 0)
    problems: list[Problem] = []
    pending: list[int] = []
    owners: list[Owner] = []
    undecided = absent
    for attempt in attempts:
        if not undecided:
            break
        planned, undecided = _split(undecided, attempt.planned)
        records = attempt.records() if planned else {}
        untouched = []
        for index in planned:
            found = _verdict(index, records.get(index), attempt.owner is not None, exists)
            if found is None:
                untouched.append(index)  # planned and never begun: what was before that still holds
                continue
            counts[found.status] += 1
            if found.status in PENDING:
                pending.append(index)
                problems.append(found)
        if attempt.owner is not None and planned:
            owners.append(attempt.owner)
        undecided = sorted([*undecided, *untouched]) if untouched else undecided
    for index in undecided:
        if index in empty:
            reason = "the output is empty and there is no record of its job's end"
            problems.append(Problem(index, Status.INTERRUPTED, reason))
            counts[Status.INTERRUPTED] += 1
        else:
            counts[Status.MISSING] += 1
    counts[Status.DONE] = total - sum(counts[status] for status in Status if status is not Status.DONE)
    problems.sort(key=lambda problem: problem.index)
    return EntryStatus(total, counts, sorted([*pending, *undecided]), problems, tuple(owners))


def _verdict(index: int, record: Record | None, active: bool, exists: Callable[[int], bool]) -> Problem | None:
    """Return what one submission says of a job without output; None if it says nothing."""
    if record is None:
        return Problem(index, Status.QUEUED, "") if active else None
    if record["kind"] == "begin":
        if active:
            return Problem(index, Status.RUNNING, "")
        if exists(index) and not record.get("direct"):
            return Problem(index, Status.DONE, "")
        return Problem(index, Status.INTERRUPTED, "it was begun, and its worker died", str(record.get("log_file", "")))
    if not record.get("error"):
        if exists(index):
            return Problem(index, Status.DONE, "")
        return Problem(index, Status.MISSING, "it was done, and its output has gone since")
    first, last = record.get("log", (0, 0))
    status = Status.INTERRUPTED if record.get("interrupted") else Status.FAILED
    log = str(record.get("log_file", "")) if "log" in record else ""
    return Problem(index, status, record["error"], log, (first, last), record.get("seconds"))


def read_status(jobs: JobsBase, absent: Sequence[int], records: str, now: float) -> EntryStatus:
    """Return the status of `jobs`, of which the outputs `absent` were found missing; reads only what it has to.

    `records` is the entry's folder of records, `now` the time by the clock that stamps files there.
    """
    runs = list(submissions.newest_first(records))
    empty = _empty_outputs(jobs, absent, runs)
    incomplete = set() if jobs.atomic_output else _incomplete(absent, runs)
    unfit = sorted({*absent, *empty, *incomplete}) if empty or incomplete else absent
    folder = os.fspath(jobs._get_output_folder())

    def exists(index: int) -> bool:
        found = stamp(os.path.join(folder, output_name(jobs, index)))
        return found is not None and index not in incomplete and (index not in empty or found[2] > 0)

    attempts = [_attempt(run, now) for run in runs] if unfit else []
    return judge(len(jobs), unfit, attempts, empty=empty, exists=exists)


def _attempt(run: Run, now: float) -> Attempt:
    owner = holder(run.alive, now)  # before the journals: what ends in between has its end record there
    return Attempt(submissions.read(run).planned, owner, lambda: newest_records(run))


def newest_records(run: Run) -> dict[int, Record]:
    """Return the last word of all journals of a submission on each job: its end, else its begin."""
    newest: dict[int, Record] = {}
    for reader in journals(run):
        for record in reader.poll():
            if record["kind"] in ("begin", "end"):
                index = record["index"]
                if record["kind"] == "end" or index not in newest:
                    newest[index] = {**record, "log_file": reader.path[: -len("jsonl")] + "log"}
    return newest


def journals(run: Run) -> Iterator[Reader]:
    """Yield a reader for each journal of a submission."""
    for name in sorted(os.listdir(run.folder)):
        if re.fullmatch(r"task-\d+\.r\d+\.jsonl", name):
            yield Reader(os.path.join(run.folder, name))


def _empty_outputs(jobs: JobsBase, absent: Sequence[int], runs: Sequence[Run]) -> frozenset[int]:
    """Return the jobs whose output exists, is empty, and was not made by a job that ended well.

    Only files from before the entry's first submission can be such: jor renames what is finished. They are looked
    for one by one while there is no submission; the first one then keeps the list of those that it found.
    """
    suspects = set(runs[-1].read_submission().get("empty", ()) if runs else range(len(jobs))).difference(absent)
    folder = os.fspath(jobs._get_output_folder())
    stamps = {index: stamp(os.path.join(folder, output_name(jobs, index))) for index in suspects}
    empty = {index for index, found in stamps.items() if found is not None and found[2] == 0}
    if empty:
        newest = _newest_of_all(runs)
        empty = {index for index in empty if index not in newest or not _ended_well(newest[index])}
    return frozenset(empty)


def _incomplete(absent: Sequence[int], runs: Sequence[Run]) -> set[int]:
    """Return the jobs whose output exists, but whose last attempt did not end well (atomic_output = False)."""
    return {index for index, record in _newest_of_all(runs).items() if not _ended_well(record)}.difference(absent)


def _newest_of_all(runs: Sequence[Run]) -> dict[int, Record]:
    newest: dict[int, Record] = {}
    for run in reversed(runs):
        newest.update(newest_records(run))
    return newest


def _ended_well(record: Record) -> bool:
    return record["kind"] == "end" and not record.get("error")


def _split(indices: Sequence[int], planned: Ranges) -> tuple[list[int], list[int]]:
    """Return those of the ascending `indices` that lie within the ascending ranges `planned`, and the others."""
    inside: list[int] = []
    outside: list[int] = []
    beyond = (sys.maxsize, sys.maxsize)
    ranges = iter(planned)
    first, last = next(ranges, beyond)
    for index in indices:
        while last < index:
            first, last = next(ranges, beyond)
        (inside if first <= index <= last else outside).append(index)
    return inside, outside
