"""What all journals of a submission say of its jobs and its tasks."""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..runtime.events import Begin, End, JobEvent, LastWords, Over
from ..runtime.process_id import Owner
from ..runtime.run_folder import Run
from .attempts import located, reader
from .journal_index import summaries
from .lease import STALE_AFTER
from .renumbering import UNMOVED, Moves, Places


def newest_records(run: Run, moves: Moves = UNMOVED) -> dict[int, JobEvent]:
    """Return the last word of all journals of a submission on each job: its end, else its begin.

    Of a job that ended well it says no more than that. Jobs have the indices that they have after `moves`.
    """
    return Journals(run, moves).of_jobs


def finished_tasks(run: Run) -> frozenset[int]:
    """Return which array tasks of a submission came to their own end, whatever became of their jobs."""
    return frozenset(Journals(run).of_tasks)


def may_live(run: Run, tasks: Container[int]) -> bool:
    """Tell whether one of these array tasks has begun, has not told its end, and is not known to be dead."""
    told = Journals(run)
    owners = [Owner.parse(text) for task, text in told.owners if task in tasks and task not in told.of_tasks]
    return any(owner is None or not owner.is_dead() for owner in owners)


def last_records_in(path: str, wanted: Collection[int], run: Run, task: int, moves: Moves) -> dict[int, JobEvent]:
    """Return the last word of one journal on each wanted job, by the index that the job has after `moves`."""
    words = LastWords(in_full=True)
    for event in reader(run, path).events():
        if isinstance(event, (Begin, End)) and moves.now(event.index) in wanted:
            words.add(event)
    return {moves.now(index): _with_log(event, run, task) for index, event in words.others.items()}


class Life(NamedTuple):
    """What is known of the newest attempt at an array task, by its journal."""

    #: When it was heard of last, by the clock that stamps files there, seconds since the epoch.
    heard: float
    #: The process that it is; None if that is not known.
    owner: Owner | None
    #: Its end; None if it has not told it.
    over: Over | None

    def is_heard_of(self, now: float) -> bool:
        """Tell whether it was heard of within the time of a lease, and is not known to have ended."""
        is_dead = self.over is not None or (self.owner is not None and self.owner.is_dead())
        return not is_dead and now - self.heard < STALE_AFTER


def lives(run: Run) -> dict[int, Life]:
    """Return what is known of the newest attempt at each array task of a submission that has begun."""
    found: dict[int, Life] = {}
    for summary in summaries(run):
        with suppress(FileNotFoundError):
            heard = os.stat(summary.path).st_mtime
            found[summary.task] = Life(heard, Owner.parse(summary.words.owner), summary.words.over)
    return found


#: The last word on a job that ended well, whichever it is: a summary keeps no more of those.
_WELL = End(index=-1, seconds=0.0, max_rss=0, status=0)


class Journals:
    """What all journals of a submission say, jobs having the indices that they have after `moves`."""

    def __init__(self, run: Run, moves: Moves = UNMOVED, wanted: frozenset[int] | None = None) -> None:
        #: The last word on each job, or on those wanted: its end, else its begin, of the newest attempt that has one.
        self.of_jobs: dict[int, JobEvent] = {}
        #: The last word on each task whose newest attempt is over.
        self.of_tasks: dict[int, Over] = {}
        #: Each attempt at a task: the task, and the process that it was.
        self.owners: list[tuple[int, str]] = []
        #: The tasks that have begun at all.
        self.begun: set[int] = set()
        #: What users should know of the submission, each once.
        self.notices: dict[str, None] = {}
        isolation = ""
        for found in summaries(run):
            self.begun.add(found.task)
            self.of_tasks.pop(found.task, None)  # an earlier attempt's
            words = found.words
            self.notices.update(words.notices)
            if words.isolation is not None and not isolation:  # workers differ in how long loading took, and no more
                isolation = words.isolation.notice
                self.notices.update({isolation: None} if isolation else {})
            if words.over is not None:
                self.of_tasks[found.task] = words.over
            if words.owner:
                self.owners.append((found.task, words.owner))
            well = moves.all_now(words.well)
            self.of_jobs.update(dict.fromkeys(well if wanted is None else wanted.intersection(well), _WELL))
            for then, event in words.others.items():
                index = moves.now(then)
                if index in wanted if wanted is not None else index >= 0:
                    self.of_jobs[index] = _with_log(event, run, found.task)


def _with_log(event: JobEvent, run: Run, task: int) -> JobEvent:
    """Return `event` with the path of the log that it speaks of, and its place there."""
    path, place = located(run, task, event)
    return event._replace(log_file=path, log=place)


def ended_well(event: JobEvent | None) -> bool:
    """Tell whether a job's last word is that it has made its output."""
    return isinstance(event, End) and event.ok


def newest_of_all(places: Places, runs: Sequence[Run]) -> dict[int, JobEvent]:
    """Return the last word on each job of all `runs`, which are sorted from new to old."""
    newest: dict[int, JobEvent] = {}
    for run in reversed(runs):
        newest.update(newest_records(run, places.of(run)))
    return newest
