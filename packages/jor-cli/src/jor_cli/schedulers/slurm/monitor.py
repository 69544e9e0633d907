"""What Slurm says of submissions -> who carries each out, for jor.planning.status."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial

import attrs

from jor.planning.status import Carrier, Phase, Shortage, TaskState
from jor.runs.journals import finished_tasks, newest_records
from jor.runs.lease import STALE_AFTER
from jor.runs.submission import Submission, user_name
from jor.runtime.run_folder import Run
from jor_slurm import ArrayId, CommandError, IndexSet, Queue, QueueRecord, Slurm, Snapshot, Task

from ...formatting import tasks_of
from .. import request_log
from ..request_log import Ended, RequestLog
from .bad_nodes import Nodes
from .missing import Missing
from .prologue import ended_prologues

#: Seconds after which a submission that Slurm does not know cannot be accepted any more: munge's credentials, by which
#: a request proves who sent it, hold for 300 s; the rest is for clocks that differ.
ACCEPTED_WITHIN = 330.0
#: Seconds for which an accepted array may be missing from the queue without a doubt.
SHOWN_WITHIN = 60.0
#: Seconds between two answers without a task after which it is lost, unless its worker is heard of; no less than
#: MinJobAge, for so long squeue shows what has ended.
LOST_AFTER = 600.0
#: Seconds by which sacct is asked for what was earlier: its clock is another. It is asked for job ids.
CLOCKS_DIFFER = 86_400.0
#: Seconds for which sacct is not asked again when it has given no answer: it may have taken a minute for that.
MUTE_FOR = 300.0
#: States that Slurm gives a task without having seen its end: should its node be lost, its processes go on.
_UNSEEN = ("NODE_FAIL", "BOOT_FAIL", "CANCELLED", "TIMEOUT", "DEADLINE", "PREEMPTED")
#: Those of them that nobody has asked for: the work of such a process is wanted.
_LOST = ("NODE_FAIL", "BOOT_FAIL")
_NOT_SHOWN = "squeue does not show it"
#: Seconds for which sacct is asked for a task that is lost: it may tell late what became of it.
_ASKED_FOR = 86_400.0


class Inquiry:
    """Asks Slurm, once in the life of a command unless told otherwise, and tells who carries out submissions.

    With `is_planning`, what is known for good is written down with the submissions.
    """

    def __init__(self, slurm: Slurm, *, is_planning: bool = False) -> None:
        self._slurm = slurm
        self._is_planning = is_planning
        self._queue: Queue | None = None
        self._others: frozenset[int] = frozenset()
        self._error = ""
        self._missing = Missing()
        self._mute_until = 0.0
        #: What has been seen of the nodes, since the command began.
        self.nodes = Nodes()

    def refresh(self) -> None:
        """Ask anew the next time."""
        self._queue, self._error = None, ""

    @property
    def queue(self) -> Queue | None:
        """What squeue said; None when it gave no answer."""
        return self._asked(frozenset())

    def _asked(self, others: frozenset[int]) -> Queue | None:
        """Return what squeue says of the user's jobs, and of the jobs `others`; None when it gave no answer."""
        if not self._error and (self._queue is None or not others <= self._others):
            self._others |= others
            try:
                self._queue = self._slurm.queue(self._others)
            except CommandError as error:
                self._queue, self._error = None, error.what
        return self._queue

    @property
    def cluster(self) -> str:
        """The name of the cluster that is asked here; "" if that is not known."""
        try:
            return self._slurm.cluster_name()
        except CommandError:
            return ""

    def shows(self, array: ArrayId) -> bool:
        """Whether the queue has this array."""
        return any(array.owns(row) for row in self.queue.records) if self.queue else False

    def array_of(self, run: Run, submission: Submission) -> ArrayId | None:
        """Return the array that a submission became; None if that is not known."""
        return self._arrays([(run, submission)])[0].id

    def whose(self, run: Run, submission: Submission) -> str:
        """Return whose a submission is, or on which other cluster it is: "of user ann"; "" for one of this user's."""
        return self._arrays([(run, submission)])[0].whose

    def __call__(self, batches: Sequence[tuple[Run, Submission]]) -> Sequence[Carrier]:
        """Return who carries out each of these submissions."""
        arrays = self._arrays(batches)
        wanted = [one for one in arrays if one.is_asked_for]
        others = frozenset(one.id.job_id for one in wanted if one.id is not None and one.user)
        queue = self._asked(others) if wanted else None
        if queue is None:
            return [self._settled(one) or _unknown(one, self._error) for one in arrays]
        now = Snapshot(queue.records)
        past = self._accounting([one for one in wanted if one.id is not None and not _all_told(now, one)])
        garbled = {line.rpartition("|")[2] for line in queue.unreadable}
        carriers = []
        for one in arrays:
            if one.name in garbled:
                carriers.append(_unknown(one, "a row of squeue cannot be read"))
                continue
            # What was known to be over may have been requeued by an administrator.
            is_back = one.id is not None and not one.cluster and now.active(one.id)
            settled = None if one.is_asked_for or is_back else self._settled(one)
            carriers.append(settled or self._with_nodes(one, self._carrier(one, now, past, queue.asked)))
        self._missing.keep(queue.asked)
        return carriers

    def _arrays(self, batches: Sequence[tuple[Run, Submission]]) -> list[_Array]:
        arrays = [_Array(run, submission, found := request_log.read(run), found.array) for run, submission in batches]
        if all(one.requests.ended is not None for one in arrays):
            return arrays
        # If the answer of sbatch was lost, the array is the one of its name in the queue, if there is.
        by_name = {row.name: row for row in self.queue.records} if self.queue else {}
        here = self.cluster if self.queue else ""
        return [one.placed(by_name, here) for one in arrays]

    def _settled(self, one: _Array) -> Carrier | None:
        """Return who carries out a submission of which Slurm need not, or cannot, be asked; None for any other."""
        if one.requests.ended is not None and one.id is not None:
            self._see(one, one.requests.ended)
            return self._with_nodes(one, _ended(one, one.requests.ended))
        return _unknown(one, f"it cannot be asked from cluster {one.here}") if one.cluster else None

    def _carrier(self, one: _Array, now: Snapshot, past: Snapshot, asked: float) -> Carrier:
        if one.id is None or one.requests.refused:
            return _without_id(one, asked)
        self._see(one, [*now.all_tasks(one.id), *past.all_tasks(one.id)])
        told = cache(partial(finished_tasks, one.run))
        tasks = () if one.is_fresh(asked) or _all_told(now, one) else range(one.submission.tasks)
        gone = [k for k in tasks if _told(one, now, past, k, asked) is None and k not in told()]
        since = self._missing.note(one.run, gone, asked)
        carrier = _carrier(one, now, past, asked, since, self._lost_after if since else LOST_AFTER)
        if self._is_planning:
            _write_down(one, now, past, asked, since)
        return carrier

    @property
    def _lost_after(self) -> float:
        try:
            return max(LOST_AFTER, self._slurm.limits().min_job_age)
        except CommandError:
            return LOST_AFTER

    def _see(self, one: _Array, rows: Iterable[tuple[IndexSet, Task | None]]) -> None:
        assert one.id is not None
        known = [(indices, task) for indices, task in rows if task is not None]
        self.nodes.see(one.id, known, partial(finished_tasks, one.run), partial(ended_prologues, one.run))

    def _with_nodes(self, one: _Array, carrier: Carrier) -> Carrier:
        told = self.nodes.notes(one.id) if one.id is not None else []
        return attrs.evolve(carrier, notes=(*carrier.notes, *told)) if told else carrier

    def _accounting(self, unknown: Sequence[_Array]) -> Snapshot:
        """Return what sacct knows of arrays of which the queue does not tell all."""
        if not unknown or time.monotonic() < self._mute_until:
            return Snapshot(())
        try:
            if not self._slurm.limits().has_accounting:
                return Snapshot(())
            since = min(one.requests.asked or one.requests.accepted or 0 for one in unknown) - CLOCKS_DIFFER
            return Snapshot((), self._slurm.accounting([one.id.job_id for one in unknown if one.id], since).records)
        except CommandError:
            self._mute_until = time.monotonic() + MUTE_FOR
            return Snapshot(())  # journals tell what became of the jobs, if not always why


@attrs.frozen
class _Array:
    """A submission, what its log of requests tells, and the array that it became; None if that is not known."""

    run: Run
    submission: Submission
    requests: RequestLog
    id: ArrayId | None
    #: The cluster that is asked here; "" if its name is not known.
    here: str = ""

    def placed(self, by_name: Mapping[str, QueueRecord], here: str) -> _Array:
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

    def is_fresh(self, asked: float) -> bool:
        """Tell whether squeue, when it was `asked`, might not yet have shown it."""
        return asked < (self.requests.accepted or self.requests.asked or 0) + SHOWN_WITHIN

    def __str__(self) -> str:
        told = f"Slurm array {self.id.job_id}" if self.id else "Slurm, perhaps,"
        return f"{told} {self.whose}" if self.whose else told


def _all_told(snapshot: Snapshot, one: _Array) -> bool:
    """Tell whether the queue says all there is: each task, and none that ended badly."""
    rows = snapshot.all_tasks(one.id) if one.id else ()
    whole = sum(len(indices) or 1 for indices, _ in rows) >= one.submission.tasks
    return whole and all(task.state.active or task.state.succeeded for _, task in rows)


def _unknown(one: _Array, why: str) -> Carrier:
    """Return who carries out a submission of which Slurm has not told the state."""
    if one.requests.asked is None or one.requests.refused:
        return _gone(f"refused: {one.requests.refused}" if one.requests.refused else "it was not submitted")
    state = TaskState(Phase.UNKNOWN, doubt=why)
    doubtful, is_elsewhere = range(one.submission.tasks), bool(one.whose)
    return Carrier(str(one), lambda _task: state, True, doubtful=doubtful, is_elsewhere=is_elsewhere)


def _told(one: _Array, now: Snapshot, past: Snapshot, task: int, asked: float) -> Task | None:
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


def _carrier(
    one: _Array, now: Snapshot, past: Snapshot, asked: float, since: Mapping[int, float], lost_after: float
) -> Carrier:
    array = one.id
    assert array is not None
    prologues = cache(partial(ended_prologues, one.run))
    finished = cache(partial(finished_tasks, one.run))

    @cache
    def state_of(task: int) -> TaskState:
        told = _told(one, now, past, task, asked)
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
        if one.whose:
            return TaskState(Phase.UNKNOWN, doubt=_NOT_SHOWN)
        lost_at = since.get(task, asked) + lost_after
        if asked >= lost_at:
            why = prologues().get(task) or "Slurm does not know its task any more"
            return TaskState(Phase.OVER, why, may_live=True, doubt=_NOT_SHOWN)
        then = time.strftime("%H:%M:%S", time.localtime(lost_at))
        return TaskState(Phase.UNKNOWN, doubt=f"{_NOT_SHOWN}; unless it is heard of, it counts as lost at {then}")

    tasks = range(one.submission.tasks)
    doubtful = () if _all_told(now, one) else [task for task in tasks if state_of(task).doubt]
    active = now.active(array) or any(state_of(task).phase is not Phase.OVER for task in tasks)
    is_elsewhere = bool(one.whose) and not now.knows(array)
    notes = tuple(_stuck(one, now.all_tasks(array)))
    return Carrier(str(one), state_of, active, notes, doubtful, is_elsewhere)


def _reasoned(ended: Task, known: Task) -> Task:
    """Return how a task has ended, with why as the queue tells it."""
    return attrs.evolve(ended, reason=known.reason)


def _over(one: _Array, task: Task) -> TaskState:
    """Return the state of a task that has ended, as Slurm says."""
    if task.state.succeeded:
        return TaskState(Phase.OVER)
    batch = one.submission.batch
    requested = batch.mem * batch.workers_per_task if batch and batch.mem else None
    task = attrs.evolve(task, requested=task.requested or requested)  # the queue tells no memory
    name = task.state.name
    doubt = f"Slurm says that it {task.state.words}" if name in _LOST else ""
    return TaskState(Phase.OVER, task.words, _shortage(task), may_live=name in _UNSEEN, doubt=doubt)


def _ended(one: _Array, tasks: Sequence[Ended]) -> Carrier:
    """Return who has carried out a submission of which it was written down how its tasks ended."""
    single = {next(iter(indices)): task for indices, task in tasks if len(indices) == 1}
    shared = [(indices, task) for indices, task in tasks if len(indices) > 1]
    prologues = cache(partial(ended_prologues, one.run))

    def state_of(index: int) -> TaskState:
        task = single.get(index) or next((task for indices, task in shared if index in indices), None)
        why = prologues().get(index, "")
        return TaskState(Phase.OVER, why) if why or task is None else _over(one, task)

    lost = [index for indices, task in tasks if task is not None and task.state.name in _LOST for index in indices]
    return Carrier(str(one), state_of, False, doubtful=lost)


def _write_down(one: _Array, now: Snapshot, past: Snapshot, asked: float, since: Mapping[int, float]) -> None:
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
            task = _told(one, now, past, index, asked)
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


def _without_id(one: _Array, asked: float) -> Carrier:
    """Return who carries out a submission that was refused, or of which nobody knows whether Slurm has accepted it."""
    if one.requests.refused:
        return _gone(f"refused: {one.requests.refused}")
    if one.requests.asked is None:
        return _gone("it was not submitted")
    if asked > one.requests.asked + ACCEPTED_WITHIN:
        if one.user:  # who asked for it sees it; here it cannot be found
            return _unknown(one, _NOT_SHOWN)
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


def _stuck(one: _Array, rows: Sequence[tuple[IndexSet, Task]]) -> list[str]:
    """Return notes on tasks that will never begin by themselves."""
    counts: dict[str, int] = {}
    for indices, task in rows:
        if task.state.active and task.words:
            counts[task.words] = counts.get(task.words, 0) + (len(indices) or 1)
    return [f"{one.submission.label}: {tasks_of(count)} of {one} {words}" for words, count in counts.items()]
