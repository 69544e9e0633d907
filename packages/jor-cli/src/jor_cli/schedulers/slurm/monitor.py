"""What Slurm says of submissions -> who carries each out, for jor.planning.status."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache, partial

import attrs

from jor.planning.status import Carrier, Phase, Shortage, TaskState
from jor.runs.journals import finished_tasks, newest_records
from jor.runs.submission import Submission
from jor.runtime.run_folder import Run
from jor_slurm import ArrayId, CommandError, IndexSet, Queue, Slurm, Snapshot, Task

from ...formatting import tasks_of
from .. import request_log
from ..request_log import RequestLog
from .bad_nodes import Nodes
from .prologue import ended_prologues

#: Seconds after which a submission that Slurm does not know cannot be accepted any more: munge's credentials, by which
#: a request proves who sent it, hold for 300 s; the rest is for clocks that differ.
ACCEPTED_WITHIN = 330.0
#: Seconds for which an accepted array may be missing from the queue without being lost.
SHOWN_WITHIN = 60.0
#: Seconds by which sacct is asked for what was earlier: its clock is another. It is asked for job ids.
CLOCKS_DIFFER = 86_400.0
#: States that Slurm gives a task without having seen its end: should its node be lost, its processes go on.
_UNSEEN = ("NODE_FAIL", "BOOT_FAIL", "CANCELLED", "TIMEOUT", "DEADLINE", "PREEMPTED")


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
        return _Array.of(run, submission, {row.name: row.array_job_id for row in records}).id

    def __call__(self, batches: Sequence[tuple[Run, Submission]]) -> Sequence[Carrier]:
        """Return who carries out each of these submissions."""
        queue = self.queue
        by_name = {record.name: record.array_job_id for record in queue.records} if queue else {}
        arrays = [_Array.of(run, submission, by_name) for run, submission in batches]
        if queue is None:
            return [_unknown(one, self._error) for one in arrays]
        now = Snapshot(queue.records)
        past = self._accounting([one for one in arrays if one.id is not None and not _all_told(now, one)])
        for one in arrays:
            if one.id is not None:
                rows = [*now.all_tasks(one.id), *past.all_tasks(one.id)]
                self.nodes.see(one.id, rows, partial(finished_tasks, one.run), partial(ended_prologues, one.run))
        garbled = {line.rpartition("|")[2] for line in queue.unreadable}
        return [
            _unknown(one, "a row of squeue cannot be read")
            if one.name in garbled
            else self._with_nodes(one.id, _carrier(one, now, past, queue.asked))
            for one in arrays
        ]

    def _with_nodes(self, array: ArrayId | None, carrier: Carrier) -> Carrier:
        told = self.nodes.notes(array) if array is not None else []
        return attrs.evolve(carrier, notes=(*carrier.notes, *told)) if told else carrier

    def _accounting(self, unknown: Sequence[_Array]) -> Snapshot:
        """Return what sacct knows of arrays of which the queue does not tell all."""
        if not unknown:
            return Snapshot(())
        try:
            if not self._slurm.limits().has_accounting:
                return Snapshot(())
            since = min(one.requests.asked or one.requests.accepted or 0 for one in unknown) - CLOCKS_DIFFER
            return Snapshot((), self._slurm.accounting([one.id.job_id for one in unknown if one.id], since).records)
        except CommandError:
            return Snapshot(())  # journals tell what became of the jobs, if not always why


@attrs.frozen
class _Array:
    """A submission, what its log of requests tells, and the array that it became; None if that is not known."""

    run: Run
    submission: Submission
    requests: RequestLog
    id: ArrayId | None

    @classmethod
    def of(cls, run: Run, submission: Submission, by_name: Mapping[str, int]) -> _Array:
        """Return it; if the answer of sbatch was lost, the array is the one of its name in the queue, if there is."""
        one = cls(run, submission, found := request_log.read(run), found.array)
        if one.id is None and one.name in by_name:
            return attrs.evolve(one, id=ArrayId(by_name[one.name], one.name))
        return one

    @property
    def name(self) -> str:
        """The name of the array, which no other has."""
        return self.submission.batch.name if self.submission.batch else ""

    def __str__(self) -> str:
        return f"Slurm array {self.id.job_id}" if self.id else "Slurm, perhaps,"


def _all_told(snapshot: Snapshot, one: _Array) -> bool:
    """Tell whether the queue says all there is: each task, and none that ended badly."""
    rows = snapshot.all_tasks(one.id) if one.id else ()
    whole = sum(len(indices) or 1 for indices, _ in rows) >= one.submission.tasks
    return whole and all(task.state.active or task.state.succeeded for _, task in rows)


def _unknown(one: _Array, why: str) -> Carrier:
    """Return who carries out a submission of which Slurm has not told the state."""
    if one.requests.asked is None or one.requests.refused:
        return _gone(f"refused: {one.requests.refused}" if one.requests.refused else "it was not submitted")
    since = time.strftime("%H:%M:%S")
    note = f"{one.submission.label}: the state of {one} is unknown since {since}: {why}"
    # As last known: what has begun counts as running, the rest as queued.
    return Carrier(str(one), lambda _task: TaskState(Phase.AT_WORK), True, (note,))


def _carrier(one: _Array, now: Snapshot, past: Snapshot, asked: float) -> Carrier:
    array, batch = one.id, one.submission.batch
    if one.requests.refused:
        return _gone(f"refused: {one.requests.refused}")
    if array is None:
        return _unconfirmed(one, asked)
    requested = batch.mem * batch.workers_per_task if batch and batch.mem else None
    is_fresh = asked < (one.requests.accepted or one.requests.asked or 0) + SHOWN_WITHIN

    prologues = cache(partial(ended_prologues, one.run))

    def state_of(task: int) -> TaskState:
        state = state_in_slurm(task)
        why = prologues().get(task) if state.phase is Phase.OVER else None
        return TaskState(Phase.OVER, why) if why else state

    def state_in_slurm(task: int) -> TaskState:
        known = now.task(array, task)
        if known is not None and known.state.active:
            return TaskState(Phase.AT_WORK if known.state.running else Phase.WAITING, known.words)
        ended = past.task(array, task)
        last = known if ended is None or ended.state.active else ended
        if last is not None and last.state.succeeded:
            return TaskState(Phase.OVER)
        if last is not None:
            reason = last.reason if known is None else known.reason
            last = attrs.evolve(last, reason=reason, requested=last.requested or requested)  # the queue tells no memory
            return TaskState(Phase.OVER, last.words, _shortage(last), may_live=last.state.name in _UNSEEN)
        if is_fresh:
            return TaskState(Phase.WAITING)
        why = "Slurm does not know its task any more" if ended is None else "Slurm lost its task"
        return TaskState(Phase.OVER, why, may_live=True)

    active = now.active(array) or (is_fresh and not now.knows(array))
    return Carrier(str(one), state_of, active, tuple(_stuck(one, now.all_tasks(array))))


def _unconfirmed(one: _Array, asked: float) -> Carrier:
    """Return who carries out a submission of which nobody knows whether Slurm has accepted it."""
    if one.requests.asked is None:
        return _gone("it was not submitted")
    if newest_records(one.run):
        return _gone("")  # it was accepted, and Slurm has forgotten it since
    if asked > one.requests.asked + ACCEPTED_WITHIN:
        return _gone("Slurm never accepted it")
    until = time.strftime("%H:%M:%S", time.localtime(one.requests.asked + ACCEPTED_WITHIN))
    note = f"{one.submission.label}: a submission is unconfirmed; Slurm may still accept it until {until}"
    return Carrier("an unconfirmed submission", lambda _task: TaskState(Phase.WAITING), True, (note,))


def _shortage(task: Task) -> Shortage | None:
    if task.ran_out_of_memory:
        return Shortage.MEMORY
    return Shortage.TIME if task.state.name == "TIMEOUT" else None


def _gone(why: str) -> Carrier:
    state = TaskState(Phase.OVER, why, may_live=True)
    return Carrier("", lambda _task: state, False)


def _stuck(one: _Array, rows: Sequence[tuple[IndexSet, Task]]) -> list[str]:
    """Return notes on tasks that will never begin by themselves."""
    counts: dict[str, int] = {}
    for indices, task in rows:
        if task.state.active and task.words:
            counts[task.words] = counts.get(task.words, 0) + (len(indices) or 1)
    return [f"{one.submission.label}: {tasks_of(count)} of {one} {words}" for words, count in counts.items()]
