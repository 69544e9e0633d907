"""Asks Slurm of submissions, once for all, and tells who carries each out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cache, partial

import attrs

from jor.planning.status import Carrier
from jor.runs.journals import finished_tasks
from jor.runs.submission import Submission
from jor.runtime.run_folder import Run
from jor_slurm import ArrayId, CommandError, IndexSet, Queue, Slurm, Snapshot, Task

from .. import request_log
from .bad_nodes import Nodes
from .missing import Missing
from .prologue import ended_prologues
from .task_states import SubmittedArray, all_told, carrier_of, ended_carrier, told_of, unknown, without_id, write_down

#: Seconds between two answers without a task after which it is lost, unless its worker is heard of; no less than
#: MinJobAge, for so long squeue shows what has ended.
LOST_AFTER = 600.0
#: Seconds by which sacct is asked for what was earlier: its clock is another. It is asked for job ids.
CLOCKS_DIFFER = 86_400.0
#: Seconds for which sacct is not asked again when it has given no answer: it may have taken a minute for that.
MUTE_FOR = 300.0


class Inquiry:
    """Asks Slurm, once in the life of a command unless told otherwise, and tells who carries out submissions.

    With `is_planning`, what is known for good is written down with the submissions. Two that ask in one command share
    what is `missing`: else one counts a task as lost, and the other does not yet.
    """

    def __init__(self, slurm: Slurm, missing: Missing | None = None, *, is_planning: bool = False) -> None:
        self._slurm = slurm
        self._is_planning = is_planning
        self._queue: Queue | None = None
        self._others: frozenset[int] = frozenset()
        self._error = ""
        self._missing = Missing() if missing is None else missing
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
        queue = self._asked(others) if wanted or any(one.may_be_back for one in arrays) else None
        if queue is None:
            why = f"Slurm does not answer ({self._error})"
            return [self._settled(one) or unknown(one, why) for one in arrays]
        now = Snapshot(queue.records)
        past = self._accounting([one for one in wanted if one.id is not None and not all_told(now, one)])
        garbled = {line.rpartition("|")[2] for line in queue.unreadable}
        carriers = []
        for one in arrays:
            if one.name in garbled:
                carriers.append(unknown(one, "a row of squeue cannot be read"))
                continue
            # What was known to be over may have been requeued by an administrator.
            is_back = one.id is not None and not one.cluster and now.active(one.id)
            settled = None if one.is_asked_for or is_back else self._settled(one)
            carriers.append(settled or self._with_nodes(one, self._carrier(one, now, past, queue.asked)))
        self._missing.keep(queue.asked)
        return carriers

    def _arrays(self, batches: Sequence[tuple[Run, Submission]]) -> list[SubmittedArray]:
        logs = [request_log.read(run) for run, _ in batches]
        arrays = [SubmittedArray(*one, log, log.array) for one, log in zip(batches, logs, strict=True)]
        if all(one.requests.ended is not None for one in arrays):
            return arrays
        # If the answer of sbatch was lost, the array is the one of its name in the queue, if there is.
        by_name = {row.name: row for row in self.queue.records} if self.queue else {}
        here = self.cluster if self.queue else ""
        return [one.placed(by_name, here) for one in arrays]

    def _settled(self, one: SubmittedArray) -> Carrier | None:
        """Return who carries out a submission of which Slurm need not, or cannot, be asked; None for any other."""
        if one.requests.ended is not None and one.id is not None:
            self._see(one, one.requests.ended)
            return self._with_nodes(one, ended_carrier(one, one.requests.ended))
        return unknown(one, f"it cannot be asked from cluster {one.here}") if one.cluster else None

    def _carrier(self, one: SubmittedArray, now: Snapshot, past: Snapshot, asked: float) -> Carrier:
        if one.id is None or one.requests.refused:
            return without_id(one, asked)
        self._see(one, [*now.all_tasks(one.id), *past.all_tasks(one.id)])
        told = cache(partial(finished_tasks, one.run))
        tasks = () if one.is_fresh(asked) or all_told(now, one) else range(one.submission.tasks)
        gone = [k for k in tasks if told_of(one, now, past, k, asked) is None and k not in told()]
        since = self._missing.note(one.run, gone, asked)
        carrier = carrier_of(one, now, past, asked, since, self._lost_after if since else LOST_AFTER)
        if self._is_planning:
            write_down(one, now, past, asked, since)
        return carrier

    @property
    def _lost_after(self) -> float:
        try:
            return max(LOST_AFTER, self._slurm.limits().min_job_age)
        except CommandError:
            return LOST_AFTER

    def _see(self, one: SubmittedArray, rows: Iterable[tuple[IndexSet, Task | None]]) -> None:
        assert one.id is not None
        known = [(indices, task) for indices, task in rows if task is not None]
        self.nodes.see(one.id, known, partial(finished_tasks, one.run), partial(ended_prologues, one.run))

    def _with_nodes(self, one: SubmittedArray, carrier: Carrier) -> Carrier:
        told = self.nodes.notes(one.id) if one.id is not None else []
        return attrs.evolve(carrier, notes=(*carrier.notes, *told)) if told else carrier

    def _accounting(self, arrays: Sequence[SubmittedArray]) -> Snapshot:
        """Return what sacct knows of arrays of which the queue does not tell all."""
        if not arrays or time.monotonic() < self._mute_until:
            return Snapshot(())
        try:
            if not self._slurm.limits().has_accounting:
                return Snapshot(())
            since = min(one.requests.asked or one.requests.accepted or 0 for one in arrays) - CLOCKS_DIFFER
            return Snapshot((), self._slurm.accounting([one.id.job_id for one in arrays if one.id], since).records)
        except CommandError:
            self._mute_until = time.monotonic() + MUTE_FOR
            return Snapshot(())  # journals tell what became of the jobs, if not always why
