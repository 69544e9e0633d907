"""Each execution of a job, as the journals tell it: who ran it, when, how long, in how much memory, how it ended.

A job has one execution for each attempt at it. All that looks back (durations for packing, advice, reports, the story
of one job) reads the journals through here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from ..runtime.events import Begin, Claim, End, JobEvent, LogRange
from ..runtime.journal import Reader
from ..runtime.process_id import Owner
from ..runtime.run_folder import Run
from ..runtime.staging import stamp
from .store import newest_first

_JOURNAL = re.compile(r"task-(\d+)\.r(\d+)\.jsonl")


class Execution(NamedTuple):
    """One attempt at one job."""

    index: int  # type: ignore[assignment] # hides tuple.index, which nobody wants of an execution
    run: Run
    #: The worker or array task of the submission, and which attempt of it: 0, 1 ...
    task: int
    restart: int
    #: The host that it ran on.
    host: str
    #: The id of the batch job; "" on this machine.
    job_id: str
    #: When it began, seconds since the epoch by the host's clock.
    started: float
    #: How long it took; None if its end is not known: it runs, or its worker died.
    seconds: float | None
    #: The largest resident set of the job's process and the children it waited for, bytes; None as above.
    max_rss: int | None
    #: Why it failed; "" if it ended well, or its end is not known.
    error: str
    #: Whether it was stopped from outside.
    interrupted: bool
    #: Seconds that its worker took to load the job module for it; None if that was loaded already.
    loading: float | None
    #: Where its output to the terminal was kept: a file; "" if nowhere.
    log: str = ""

    @property
    def ended_well(self) -> bool:
        """Whether the job made its output."""
        return self.seconds is not None and not self.error


def executions(records: str) -> Iterator[Execution]:
    """Yield each execution of the jobs of an entry with the folder `records`, those of its newest submission first.

    Within a submission they come by worker or array task, in the order in which they ended; one whose end is not
    known comes last of its task.
    """
    for run in newest_first(records):
        yield from executions_of(run)


def executions_of(run: Run) -> Iterator[Execution]:
    """Yield each execution of the jobs of a submission, in the same order."""
    for path, task, restart in journals(run):
        yield from _executions(run, path, task, restart)


def durations(records: str, most: int = 1000) -> list[float]:
    """Return how long the newest `most` jobs of an entry took that ended well, seconds."""
    found: list[float] = []
    for one in executions(records):
        if one.ended_well and one.seconds is not None:
            found.append(one.seconds)
            if len(found) == most:
                break
    return found


def journals(run: Run) -> Iterator[tuple[str, int, int]]:
    """Yield the path, task and restart of each journal of a submission, the restarts of a task ascending."""
    try:
        names = run.names()
    except FileNotFoundError:
        return  # Slurm has refused it, and it was taken back meanwhile
    found = [match for match in map(_JOURNAL.fullmatch, names) if match]
    for task, restart, name in sorted((int(match[1]), int(match[2]), match[0]) for match in found):
        yield os.path.join(run.folder, name), task, restart


def _executions(run: Run, path: str, task: int, restart: int) -> Iterator[Execution]:
    host = job_id = ""
    begun: dict[int, Begin] = {}
    for event in reader(run, path).events():
        if isinstance(event, Claim):
            owner = Owner.parse(event.owner)
            host = owner.host if owner else ""
            job_id = event.job_id
        elif isinstance(event, Begin):
            begun[event.index] = event
        elif isinstance(event, End):
            begin = begun.pop(event.index, None)
            yield Execution(
                index=event.index,
                run=run,
                task=task,
                restart=restart,
                host=host,
                job_id=job_id,
                started=begin.started if begin else 0.0,
                seconds=event.seconds,
                max_rss=event.max_rss,
                error=event.error,
                interrupted=event.interrupted,
                loading=event.loading,
                log=_log(run, task, event),
            )
    for index, begin in begun.items():
        yield Execution(
            index=index,
            run=run,
            task=task,
            restart=restart,
            host=host,
            job_id=job_id,
            started=begin.started,
            seconds=None,
            max_rss=None,
            error="",
            interrupted=False,
            loading=None,
            log=_log(run, task, begin),
        )


def reader(run: Run, path: str, offset: int = 0) -> Reader:
    """Return what reads a journal of a submission from `offset` on, wherever the journal lies by now."""
    return Reader(path, offset, partial(run.open, os.path.basename(path)))


def _log(run: Run, task: int, event: JobEvent) -> str:
    return located(run, task, event)[0] if event.log else ""


def located(run: Run, task: int, event: JobEvent) -> tuple[str, LogRange | None]:
    """Return the log that an event in a journal of `task` speaks of, and where in it; 0 as the end: to its end.

    Of one that was not kept when the submission was folded, return "".
    """
    name = event.log_file or os.path.basename(run.log(task))
    first, last = event.log or (0, 0)
    if run.past is None or event.log is None:
        place = (first, 0) if isinstance(event, Begin) and event.log else event.log
        return os.path.join(run.folder, name), place
    for piece in run.past.pieces(name):
        if piece.first <= first <= piece.last:
            end = min(last, piece.last) if last >= first and isinstance(event, End) else piece.last
            start = piece.place - piece.first
            is_known = end > first or isinstance(event, End)  # else there is nothing, and not all that comes behind it
            return run.past.log, (start + first, start + end) if is_known else None
    return "", (0, 0)


def task_log(run: Run, task: int) -> tuple[str, LogRange]:
    """Return the log of a worker or array task, and where in it all of that is, 0 to 0 for the whole file.

    Return "" if it has printed nothing, or nothing of it was kept when the submission was folded.
    """
    path = run.log(task)
    if run.past is None:
        printed = stamp(path)
        return (path if printed and printed[2] else "", (0, 0))
    for piece in run.past.pieces(os.path.basename(path)):
        return run.past.log, (piece.place, piece.place + piece.last - piece.first)
    return "", (0, 0)
