"""What all journals of a submission say of its jobs and its tasks."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence

from ..runtime.journal import Reader, Record
from ..runtime.process_id import Owner
from ..runtime.run_folder import Run
from .journal_index import summaries
from .renumbering import UNMOVED, Moves, Places


def newest_records(run: Run, moves: Moves = UNMOVED) -> dict[int, Record]:
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


def last_records_in(path: str, wanted: Container[int], run: Run, task: int, moves: Moves) -> dict[int, Record]:
    """Return the last word of one journal on each wanted job, by the index that the job has after `moves`."""
    found: dict[int, Record] = {}
    for record in Reader(path).records():
        index = moves.now(record.get("index", -1))
        if index in wanted and (record["kind"] == "end" or index not in found):
            found[index] = _with_log(record, run, task)
    return found


#: The last word on a job that ended well, of which a summary keeps no more.
_WELL: Record = {"kind": "end"}


class Journals:
    """What all journals of a submission say, jobs having the indices that they have after `moves`."""

    def __init__(self, run: Run, moves: Moves = UNMOVED, wanted: frozenset[int] | None = None) -> None:
        #: The last word on each job, or on those wanted: its end, else its begin, of the newest attempt that has one.
        self.of_jobs: dict[int, Record] = {}
        #: The last word on each task whose newest attempt is over.
        self.of_tasks: dict[int, Record] = {}
        #: Each attempt at a task: the task, and the process that it was.
        self.owners: list[tuple[int, str]] = []
        #: The tasks that have begun at all.
        self.begun: set[int] = set()
        for found in summaries(run):
            self.begun.add(found.task)
            self.of_tasks.pop(found.task, None)  # an earlier attempt's
            if found.over is not None:
                self.of_tasks[found.task] = found.over
            if found.owner:
                self.owners.append((found.task, found.owner))
            well = moves.all_now(found.well)
            self.of_jobs.update(dict.fromkeys(well if wanted is None else wanted.intersection(well), _WELL))
            for then, record in found.others.items():
                index = moves.now(then)
                if index in wanted if wanted is not None else index >= 0:
                    self.of_jobs[index] = _with_log(record, run, found.task)


def _with_log(record: Record, run: Run, task: int) -> Record:
    """Return `record` with the path of the log that it speaks of."""
    log = record.get("log_file") or os.path.basename(run.log(task))
    return {**record, "log_file": os.path.join(run.folder, log)}


def newest_of_all(places: Places, runs: Sequence[Run]) -> dict[int, Record]:
    """Return the last word on each job of all `runs`, which are sorted from new to old."""
    newest: dict[int, Record] = {}
    for run in reversed(runs):
        newest.update(newest_records(run, places.of(run)))
    return newest


def ended_well(record: Record) -> bool:
    """Tell whether the last word on a job is that it has made its output."""
    return record["kind"] == "end" and not record.get("error")
