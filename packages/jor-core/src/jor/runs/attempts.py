"""Each execution of a job, as the journals tell it: who ran it, when, how long, in how much memory, how it ended.

A job has one execution for each attempt at it. All that looks back (durations for packing, advice, reports, the story
of one job) reads the journals through here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from ..runtime.journal import Reader, Record
from ..runtime.process_id import Owner
from ..runtime.run_folder import Run
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
        names = os.listdir(run.folder)
    except FileNotFoundError:
        return  # Slurm has refused it, and it was taken back meanwhile
    found = [match for match in map(_JOURNAL.fullmatch, names) if match]
    for task, restart, name in sorted((int(match[1]), int(match[2]), match[0]) for match in found):
        yield os.path.join(run.folder, name), task, restart


def _executions(run: Run, path: str, task: int, restart: int) -> Iterator[Execution]:
    host = job_id = ""
    begun: dict[int, Record] = {}
    for record in Reader(path).records():
        kind = record["kind"]
        if kind == "claim":
            owner = Owner.parse(str(record.get("owner")))
            host = owner.host if owner else ""
            job_id = str(record.get("job_id") or "")
        elif kind == "begin":
            begun[record["index"]] = record
        elif kind == "end":
            begin = begun.pop(record["index"], record)
            yield Execution(
                index=record["index"],
                run=run,
                task=task,
                restart=restart,
                host=host,
                job_id=job_id,
                started=begin.get("started", 0.0),
                seconds=record["seconds"],
                max_rss=record["max_rss"],
                error=record.get("error", ""),
                interrupted=bool(record.get("interrupted")),
                loading=record.get("loading"),
                log=_log(run, task, record),
            )
    for index, begin in begun.items():
        yield Execution(
            index=index,
            run=run,
            task=task,
            restart=restart,
            host=host,
            job_id=job_id,
            started=begin["started"],
            seconds=None,
            max_rss=None,
            error="",
            interrupted=False,
            loading=None,
            log=_log(run, task, begin),
        )


def _log(run: Run, task: int, record: Record) -> str:
    if "log" not in record:
        return ""
    return os.path.join(run.folder, record["log_file"]) if "log_file" in record else run.log(task)
