"""What Slurm's answers say of one submission -> who carries it out, for jor.planning.status."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, partial

import attrs

from jor.planning.status import Carrier, Phase, Shortage, TaskState
from jor.runs.journals import finished_tasks, newest_records
from jor.runs.lease import STALE_AFTER
from jor.runs.submission import Submission, user_name
from jor.runtime.run_folder import Run
from jor_slurm import ArrayId, IndexSet, QueueRecord, Snapshot, Task

from ...formatting import tasks_of
from .. import request_log
from ..request_log import Ended, RequestLog
from .prologue import ended_prologues

#: Seconds after which a submission that Slurm does not know cannot be accepted any more: munge's credentials, by which
#: a request proves who sent it, hold for 300 s; the rest is for clocks that differ.
ACCEPTED_WITHIN = 330.0
#: Seconds for which an accepted array may be missing from the queue without a doubt.
SHOWN_WITHIN = 60.0
#: States that Slurm gives a task without having seen its end: should its node be lost, its processes go on.
_UNSEEN = ("NODE_FAIL", "BOOT_FAIL", "CANCELLED", "TIMEOUT", "DEADLINE", "PREEMPTED")
#: Those of them that nobody has asked for: the work of such a process is wanted.
_LOST = ("NODE_FAIL", "BOOT_FAIL")
_NOT_SHOWN = "squeue does not show it"
#: Seconds for which sacct is asked for a task that is lost: it may tell late what became of it.
_ASKED_FOR = 86_400.0
#: Seconds after its end for which Slurm takes a job into the queue again: MinJobAge, or nearly.
_MAY_BE_BACK = 600.0


@attrs.frozen
class SubmittedArray:
    """A submission, what its log of requests tells, and the array that it became; None if that is not known."""

    run: Run
    submission: Submission
    requests: RequestLog
    id: ArrayId | None
    #: The cluster that is asked here; "" if its name is not known.
    here: str = ""

    def placed(self, by_name: Mapping[str, QueueRecord], here: str) -> SubmittedArray:
        """Return it as it is seen from the cluster `here`, whose queue has these rows."""
        one = attrs.evolve(self, here=here)
        if one.id is None and not one.cluster and (row := by_name.get(one.name)):
            return attrs.evolve(one, id=ArrayId(row.array_job_id, one.name, user=row.user))
        return one

    @property
    def name(self) -> str:
        """The name of the array, which no other has."""
        return self.submission.batch.name if self.submission.batch else ""

    @property
    def user(self) -> str:
        """The name of its user if that is another one; "" for this one."""
        if self.id is not None and self.id.user is not None:
            return "" if self.id.user == os.getuid() else self.submission.user
        return "" if self.submission.user == user_name() else self.submission.user

    @property
    def cluster(self) -> str:
        """The name of its cluster if that is another one; "" for the one that is asked here."""
        return self.submission.cluster if self.here and self.submission.cluster != self.here else ""

    @property
    def whose(self) -> str:
        """Whose it is, and on which other cluster; "" for one of this user's that can be asked here."""
        user = f"of user {self.user}" if self.user else ""
        return " ".join(filter(None, [user, f"on cluster {self.cluster}" if self.cluster else ""]))

    @property
    def is_asked_for(self) -> bool:
        """Whether Slurm is asked for it."""
        return self.requests.ended is None and not self.cluster

    @property
    def may_be_back(self) -> bool:
        """Whether it was over so short a time ago that an administrator may still have it run again."""
        return self.requests.told is not None and not self.cluster and time.time() < self.requests.told + _MAY_BE_BACK

    def is_fresh(self, asked: float) -> bool:
        """Tell whether squeue, when it was `asked`, might not yet have shown it."""
        return asked < (self.requests.accepted or self.requests.asked or 0) + SHOWN_WITHIN

    def __str__(self) -> str:
        told = f"Slurm array {self.id.job_id}" if self.id else "Slurm, perhaps,"
        return f"{told} {self.whose}" if self.whose else told


def all_told(snapshot: Snapshot, one: SubmittedArray) -> bool:
    """Tell whether the queue says all there is: each task, and none that ended badly."""
    rows = snapshot.all_tasks(one.id) if one.id else ()
    whole = sum(len(indices) or 1 for indices, _ in rows) >= one.submission.tasks
    return whole and all(task.state.active or task.state.succeeded for _, task in rows)


def unknown(one: SubmittedArray, why: str) -> Carrier:
    """Return who carries out a submission of which Slurm has not told the state."""
    if (one.requests.asked is None and one.id is None) or one.requests.refused:
        return _gone(f"refused: {one.requests.refused}" if one.requests.refused else "it was not submitted")
    state = TaskState(Phase.UNKNOWN, doubt=why)
    doubtful, is_elsewhere = range(one.submission.tasks), bool(one.whose)
    return Carrier(str(one), lambda _task: state, True, doubtful=doubtful, is_elsewhere=is_elsewhere)


def told_of(one: SubmittedArray, now: Snapshot, past: Snapshot, task: int, asked: float) -> Task | None:
    """Return what Slurm tells of a task; None for nothing that can be believed."""
    assert one.id is not None
    known, ended = now.task(one.id, task), past.task(one.id, task)
    if known is not None and (known.state.active or ended is None or ended.state.active):
        return known
    if ended is None or not ended.state.active:
        return ended
    limit = one.submission.batch.time_limit if one.submission.batch else None
    is_runaway = limit is not None and ended.start is not None and ended.start + limit + STALE_AFTER < asked
    return None if is_runaway else ended  # that the end of a job was never written down is known of sacct


def carrier_of(
    one: SubmittedArray, now: Snapshot, past: Snapshot, asked: float, since: Mapping[int, float], lost_after: float
) -> Carrier:
    """Return who carries out an array of which Slurm was `asked`.

    `since` tells since when tasks are missing from what squeue says: they are lost after `lost_after` seconds.
    """
    array = one.id
    assert array is not None
    prologues = cache(partial(ended_prologues, one.run))
    finished = cache(partial(finished_tasks, one.run))

    @cache
    def state_of(task: int) -> TaskState:
        told = told_of(one, now, past, task, asked)
        if told is None:
            return missing(task)
        known = now.task(array, task)
        if told.state.active:
            phase = Phase.AT_WORK if told.state.running else Phase.WAITING
            return TaskState(phase, told.words, doubt="" if known is not None else _NOT_SHOWN)
        why = prologues().get(task)
        return TaskState(Phase.OVER, why) if why else _over(one, told if known is None else _reasoned(told, known))

    def missing(task: int) -> TaskState:
        if one.is_fresh(asked):
            return TaskState(Phase.WAITING)
        if task in finished():
            return TaskState(Phase.OVER)
        if one.whose or (one.submission.cluster and not one.here):  # or nobody says which cluster this is
            return TaskState(Phase.UNKNOWN, doubt=_NOT_SHOWN)
        lost_at = since.get(task, asked) + lost_after
        if asked >= lost_at:
            why = prologues().get(task) or "Slurm does not know its task any more"
            return TaskState(Phase.OVER, why, may_live=True, doubt=_NOT_SHOWN)
        then = time.strftime("%H:%M:%S", time.localtime(lost_at))
        return TaskState(Phase.UNKNOWN, doubt=f"{_NOT_SHOWN}; unless it is heard of, it counts as lost at {then}")

    tasks = range(one.submission.tasks)
    doubtful = () if all_told(now, one) else [task for task in tasks if state_of(task).doubt]
    active = now.active(array) or any(state_of(task).phase is not Phase.OVER for task in tasks)
    is_elsewhere = bool(one.whose) and not now.knows(array)
    notes = tuple(_stuck(one, now.all_tasks(array)))
    return Carrier(str(one), state_of, active, notes, doubtful, is_elsewhere)


def _reasoned(ended: Task, known: Task) -> Task:
    """Return how a task has ended, with why as the queue tells it."""
    return attrs.evolve(ended, reason=known.reason)


def _over(one: SubmittedArray, task: Task) -> TaskState:
    """Return the state of a task that has ended, as Slurm says."""
    if task.state.succeeded:
        return TaskState(Phase.OVER)
    batch = one.submission.batch
    requested = batch.mem * batch.workers_per_task if batch and batch.mem else None
    task = attrs.evolve(task, requested=task.requested or requested)  # the queue tells no memory
    name = task.state.name
    doubt = f"Slurm says that it {task.state.words}" if name in _LOST else ""
    return TaskState(Phase.OVER, task.words, _shortage(task), may_live=name in _UNSEEN, doubt=doubt)


def ended_carrier(one: SubmittedArray, tasks: Sequence[Ended]) -> Carrier:
    """Return who has carried out a submission of which it was written down how its tasks ended."""
    known = cache(lambda: {index: task for indices, task in tasks for index in indices})
    prologues = cache(partial(ended_prologues, one.run))

    def state_of(index: int) -> TaskState:
        task = known().get(index)
        why = prologues().get(index, "")
        return TaskState(Phase.OVER, why) if why or task is None else _over(one, task)

    lost = [index for indices, task in tasks if task is not None and task.state.name in _LOST for index in indices]
    return Carrier(str(one), state_of, False, doubtful=lost)


def write_down(one: SubmittedArray, now: Snapshot, past: Snapshot, asked: float, since: Mapping[int, float]) -> None:
    """Write down what is known for good of an array: since when Slurm has it, and how its tasks ended if all have."""
    array = one.id
    assert array is not None
    with suppress(OSError):  # the next one will
        first = next((task.submitted for _, task in now.all_tasks(array) if task.submitted is not None), None)
        if array.submitted is None and first is not None and one.requests.array is not None:
            request_log.seen(one.run, first)
        if now.active(array) or one.is_fresh(asked):
            return
        finished = finished_tasks(one.run)
        alike: dict[Task | None, list[int]] = {}
        for index in range(one.submission.tasks):
            task = told_of(one, now, past, index, asked)
            if task is None and index not in finished and asked - since.get(index, asked) < _ASKED_FOR:
                return
            if task is not None and task.state.active:
                return
            if task is not None and task.state.succeeded:
                task = Task(task.state, nodes=task.nodes)
            elif task is not None and (known := now.task(array, index)) is not None:
                task = _reasoned(task, known)
            alike.setdefault(task, []).append(index)
        request_log.ended(one.run, [(IndexSet.of(tasks), task) for task, tasks in alike.items()])


def without_id(one: SubmittedArray, asked: float) -> Carrier:
    """Return who carries out a submission that was refused, or of which nobody knows whether Slurm has accepted it."""
    if one.requests.refused:
        return _gone(f"refused: {one.requests.refused}")
    if one.requests.asked is None:
        return _gone("it was not submitted")
    if asked > one.requests.asked + ACCEPTED_WITHIN:
        if one.user:  # who asked for it sees it; here it cannot be found
            return unknown(one, _NOT_SHOWN)
        # Else it was accepted, and Slurm has forgotten it since.
        return _gone("" if newest_records(one.run) else "Slurm never accepted it")
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


def _stuck(one: SubmittedArray, rows: Sequence[tuple[IndexSet, Task]]) -> list[str]:
    """Return notes on tasks that will never begin by themselves."""
    counts: dict[str, int] = {}
    for indices, task in rows:
        if task.state.active and task.words:
            counts[task.words] = counts.get(task.words, 0) + (len(indices) or 1)
    return [f"{one.submission.label}: {tasks_of(count)} of {one} {words}" for words, count in counts.items()]
