"""What Slurm says of submissions -> who carries each out, for jor.status."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial

import attrs

from jor.history import finished_tasks, newest_records
from jor.runtime.records import Run
from jor.status import Carrier, Phase, Shortage, TaskState
from jor.submission import Submission
from jor_slurm import ArrayId, CommandError, Queue, Slurm, Snapshot, Task

from ..words import tasks_of
from . import ledger
from .ledger import Ledger
from .nodes import Nodes

#: Seconds after which a submission that Slurm does not know cannot be accepted any more: munge's credentials, by which
#: a request proves who sent it, hold for 300 s; the rest is for clocks that differ.
ACCEPTED_WITHIN = 330.0
#: Seconds for which an accepted array may be missing from the queue without being lost.
SHOWN_WITHIN = 60.0


class Inquiry:
    """Asks Slurm, once in the life of a command unless told otherwise, and tells who carries out submissions."""

    def __init__(self, slurm: Slurm) -> None:
        self._slurm = slurm
        self._queue: Queue | None = None
        self._error = ""
        #: What has been seen of the nodes, since the command began.
        self.nodes = Nodes()

    def refresh(self) -> None:
        """Ask anew the next time."""
        self._queue, self._error = None, ""

    @property
    def queue(self) -> Queue | None:
        """What squeue said; None when it gave no answer."""
        if self._queue is None and not self._error:
            try:
                self._queue = self._slurm.queue()
            except CommandError as error:
                self._error = error.what
        return self._queue

    def shows(self, array: ArrayId) -> bool:
        """Whether the queue has this array, and under its name."""
        records = self.queue.records if self.queue else ()
        return any((row.array_job_id, row.name) == (array.job_id, array.name) for row in records)

    def array_of(self, run: Run, submission: Submission) -> ArrayId | None:
        """Return the array that a submission became; None if that is not known."""
        records = self.queue.records if self.queue else ()
        return ledger.read(run).array or _found(submission, {row.name: row.array_job_id for row in records})

    def __call__(self, batches: Sequence[tuple[Run, Submission]]) -> Sequence[Carrier]:
        """Return who carries out each of these submissions."""
        ledgers = [ledger.read(run) for run, _ in batches]
        queue = self.queue
        if queue is None:
            return [self._unknown(submission, found) for (_, submission), found in zip(batches, ledgers, strict=True)]
        by_name = {record.name: record.array_job_id for record in queue.records}
        arrays = [
            found.array or _found(submission, by_name) for (_, submission), found in zip(batches, ledgers, strict=True)
        ]
        now = Snapshot(queue.records)
        past = self._accounting(
            [
                (array, submission, found)
                for array, (_, submission), found in zip(arrays, batches, ledgers, strict=True)
                if array is not None and not _all_told(now, array, submission)
            ]
        )
        for array, (run, _) in zip(arrays, batches, strict=True):
            if array is not None:
                rows = [*now.all_tasks(array), *past.all_tasks(array)]
                self.nodes.see(array, rows, partial(finished_tasks, run))
        return [
            self._with_nodes(array, _carrier(run, submission, found, array, now, past, queue.asked))
            for (run, submission), found, array in zip(batches, ledgers, arrays, strict=True)
        ]

    def _with_nodes(self, array: ArrayId | None, carrier: Carrier) -> Carrier:
        told = self.nodes.notes(array) if array is not None else []
        return attrs.evolve(carrier, notes=(*carrier.notes, *told)) if told else carrier

    def _unknown(self, submission: Submission, found: Ledger) -> Carrier:
        if found.asked is None or found.refused:
            return _gone("it was not submitted" if not found.refused else f"refused: {found.refused}")
        name = f"Slurm array {found.array.job_id}" if found.array else "Slurm, perhaps,"
        since = time.strftime("%H:%M:%S")
        note = f"{submission.label}: the state of {name} is unknown since {since}: {self._error}"
        # As last known: what has begun counts as running, the rest as queued.
        return Carrier(name, lambda _task: TaskState(Phase.AT_WORK), True, (note,))

    def _accounting(self, unknown: Sequence[tuple[ArrayId, Submission, Ledger]]) -> Snapshot:
        """Return what sacct knows of arrays of which the queue does not tell all."""
        if not unknown:
            return Snapshot(())
        try:
            if not self._slurm.limits().has_accounting:
                return Snapshot(())
            since = min(found.asked or 0 for _, _, found in unknown) - 3600
            return Snapshot((), self._slurm.accounting([array.job_id for array, _, _ in unknown], since))
        except CommandError:
            return Snapshot(())  # journals tell what became of the jobs, if not always why


def _found(submission: Submission, by_name: dict[str, int]) -> ArrayId | None:
    """Return the array of a submission whose answer from sbatch was lost, if Slurm has it."""
    name = submission.batch.name if submission.batch else ""
    return ArrayId(by_name[name], name) if name in by_name else None


def _all_told(snapshot: Snapshot, array: ArrayId, submission: Submission) -> bool:
    """Tell whether the queue says all there is: each task, and none that ended badly."""
    rows = snapshot.all_tasks(array)
    whole = sum(len(indices) or 1 for indices, _ in rows) >= submission.tasks
    return whole and all(task.state.active or task.state.succeeded for _, task in rows)


def _carrier(
    run: Run, submission: Submission, found: Ledger, array: ArrayId | None, now: Snapshot, past: Snapshot, asked: float
) -> Carrier:
    if found.refused:
        return _gone(f"refused: {found.refused}")
    if array is None:
        return _unconfirmed(run, submission, found, asked)
    name = f"Slurm array {array.job_id}"
    batch = submission.batch
    requested = batch.mem * batch.workers_per_task if batch and batch.mem else None
    is_fresh = asked < (found.accepted or found.asked or 0) + SHOWN_WITHIN

    def state_of(task: int) -> TaskState:
        known = now.task(array, task)
        if known is not None and known.state.active:
            return TaskState(Phase.AT_WORK if known.state.running else Phase.WAITING, known.words)
        ended = past.task(array, task)
        last = known if ended is None or ended.state.active else ended
        if known is not None and last is not None:
            last = attrs.evolve(last, reason=known.reason)
        if last is not None:
            last = attrs.evolve(last, requested=last.requested or requested)  # the queue does not tell
            return TaskState(Phase.OVER, last.words, _shortage(last))
        if is_fresh:
            return TaskState(Phase.WAITING)
        return TaskState(
            Phase.OVER, "Slurm does not know its task any more" if ended is None else "Slurm lost its task"
        )

    active = now.active(array) or (is_fresh and not now.knows(array))
    return Carrier(name, state_of, active, tuple(_stuck(submission, name, array, now)))


def _unconfirmed(run: Run, submission: Submission, found: Ledger, asked: float) -> Carrier:
    """Return who carries out a submission of which nobody knows whether Slurm has accepted it."""
    if found.asked is None:
        return _gone("it was not submitted")
    if newest_records(run):
        return _gone("")  # it was accepted, and Slurm has forgotten it since
    if asked > found.asked + ACCEPTED_WITHIN:
        return _gone("Slurm never accepted it")
    until = time.strftime("%H:%M:%S", time.localtime(found.asked + ACCEPTED_WITHIN))
    note = f"{submission.label}: a submission is unconfirmed; Slurm may still accept it until {until}"
    return Carrier("an unconfirmed submission", lambda _task: TaskState(Phase.WAITING), True, (note,))


def _shortage(task: Task) -> Shortage | None:
    if task.ran_out_of_memory:
        return Shortage.MEMORY
    return Shortage.TIME if task.state.name == "TIMEOUT" else None


def _gone(why: str) -> Carrier:
    state = TaskState(Phase.OVER, why)
    return Carrier("", lambda _task: state, False)


def _stuck(submission: Submission, name: str, array: ArrayId, snapshot: Snapshot) -> list[str]:
    """Return notes on tasks that will never begin by themselves."""
    counts: dict[str, int] = {}
    for indices, task in snapshot.all_tasks(array):
        if task.state.active and task.words:
            counts[task.words] = counts.get(task.words, 0) + (len(indices) or 1)
    return [f"{submission.label}: {tasks_of(count)} of {name} {words}" for words, count in counts.items()]


def cache_folder() -> str:
    """Return the folder in which all jor commands of this user share answers of Slurm."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "jor")
