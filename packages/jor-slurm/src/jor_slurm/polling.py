"""The state of array tasks: one squeue and one sacct, joined."""

from __future__ import annotations

import os
import pwd
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from .arrays import IndexSet
from .commands import ArrayId, Queue, Slurm
from .errors import CommandError
from .limits import Limits
from .parsing import AccountingRecord, QueueRecord
from .states import ExitCode, JobState, why_stuck
from .units import format_memory

#: Seconds between two polls: the first, and the longest.
INTERVALS = (5.0, 60.0)
#: Seconds that a new array may take to show in the queue.
GRACE = 30.0

_REASONS = {
    "JobLaunchFailure": "its log could not be opened, or its script was killed",
    "NonZeroExitCode": "its script ended with an error",
}


@attrs.frozen
class Task:
    """What Slurm says of one array task, or plain job."""

    state: JobState
    #: Why it waits, in Slurm's word.
    reason: str = ""
    nodes: str = ""
    #: Seconds since 1970; None when that is not known.
    start: int | None = None
    end: int | None = None
    exit_code: ExitCode | None = None
    cancelled_by: int | None = None
    #: Bytes asked for, and most bytes used by a step; None if not known.
    requested: int | None = None
    used: int | None = None
    #: Since when Slurm has it, seconds since 1970.
    submitted: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long it lasted; None if it has not begun or not ended, or that is not known."""
        return None if self.start is None or self.end is None else float(self.end - self.start)

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether it was ended for that: where the kernel does not see to it, Slurm only says FAILED, by signal 9."""
        killed = self.exit_code is not None and self.exit_code.may_be_killed
        too_much = self.used is not None and self.requested is not None and self.used > self.requested
        return self.state.name == "OUT_OF_MEMORY" or (self.state.name == "FAILED" and killed and too_much)

    @property
    def words(self) -> str:
        """How it ended, or why it may never begin, in words; '' where there is nothing to say."""
        if self.state.active:
            stuck = why_stuck(self.reason)
            return f"will not begin by itself: {stuck} ({self.reason})" if stuck else ""
        details = []
        if self.ran_out_of_memory and self.requested:
            # Slurm looks from time to time only, and may have missed the moment.
            used = f", used {format_memory(self.used)}" if self.used and self.used * 2 > self.requested else ""
            details.append(f"asked for {format_memory(self.requested)}{used}")
        elif self.state.name in ("FAILED", "BOOT_FAIL") and self.exit_code:
            # Slurm 24.11 ends what can never begin, as if it had failed by itself.
            details.append(why_stuck(self.reason) or self.exit_code.words)
        elif self.state.name == "FAILED":
            details.append(why_stuck(self.reason) or _REASONS.get(self.reason, self.reason))  # all that the queue tells
        if self.cancelled_by is not None:
            details.append(f"by {_user(self.cancelled_by)}")
        if self.nodes and self.state.name not in ("COMPLETED", "CANCELLED", "TIMEOUT"):
            details.append(f"on {self.nodes}")
        words = "ran out of memory" if self.ran_out_of_memory else self.state.words
        told = ", ".join(filter(None, details))
        return f"{words}: {told}" if told else words


class _Rows:
    """What one command told of the tasks of one array."""

    def __init__(self) -> None:
        #: Tasks with a row of their own, by index; a plain job has none.
        self._single: dict[int | None, tuple[IndexSet, Task]] = {}
        #: Further parts of a heterogeneous job: its script runs in the first.
        self._parts: list[tuple[IndexSet, Task]] = []
        #: Tasks that share a row: few rows, however many tasks.
        self._shared: dict[IndexSet, Task] = {}

    def add(self, record: QueueRecord | AccountingRecord) -> None:
        """Take in a row; of several of one task the last counts."""
        task = _of_queue(record) if isinstance(record, QueueRecord) else _of_accounting(record)
        ranges = record.indices.ranges
        index = ranges[0][0] if ranges else None
        if ranges and (len(ranges) > 1 or ranges[0][0] < ranges[0][1]):
            self._shared[record.indices] = task
        elif record.component:
            self._parts.append((record.indices, task))
        elif index not in self._single or task.state.name != "REVOKED":  # a federation shows a job once a cluster
            self._single[index] = (record.indices, task)

    def task(self, index: int | None) -> Task | None:
        """Return what was told of a task; None for nothing.

        Of an array whose waiting tasks were cancelled as those of a user (`scancel -u`), squeue shows a row without
        indices: it is for all tasks that have no other.
        """
        return self.row_of(index) or (None if index is None else self.row_of(None))

    def row_of(self, index: int | None) -> Task | None:
        """Return what a row tells that names the task."""
        row = self._single.get(index)
        if row is not None:
            return row[1]
        return next((task for indices, task in reversed(self._shared.items()) if index in indices), None)

    def all(self) -> list[tuple[IndexSet, Task]]:
        """Return all that was told."""
        return [*self._single.values(), *self._parts, *self._shared.items()]


class _Told:
    """What one command told of arrays."""

    def __init__(self, records: Iterable[QueueRecord | AccountingRecord]) -> None:
        self._records: defaultdict[int, list[QueueRecord | AccountingRecord]] = defaultdict(list)
        for record in records:
            self._records[record.array_job_id].append(record)
        self._rows: dict[ArrayId, _Rows] = {}

    def of(self, array: ArrayId) -> _Rows:
        """Return what was told of an array."""
        if array not in self._rows:
            rows = self._rows[array] = _Rows()
            for record in self._records.get(array.job_id, ()):
                if array.owns(record):
                    rows.add(record)
        return self._rows[array]


class Snapshot:
    """What Slurm knew of jobs at one moment.

    A task is looked up by what its ArrayId says: see `ArrayId.owns`. The queue counts more than what is `past`: the
    accounting, which lags, or what an earlier queue showed.
    """

    def __init__(self, queue: Iterable[QueueRecord], past: Iterable[QueueRecord | AccountingRecord] = ()) -> None:
        self._queue = _Told(queue)
        self._past = _Told(past)

    def knows(self, array: ArrayId) -> bool:
        """Tell whether any task of this array is known."""
        return bool(self.all_tasks(array))

    def task(self, array: ArrayId, index: int | None = None) -> Task | None:
        """Return what is known of a task, or of a plain job; None when it is not known: not yet, or not any more."""
        now, past = self._queue.of(array).task(index), self._past.of(array).task(index)
        if now is None or past is None:
            return now or past
        if now.state != past.state:
            return now
        return attrs.evolve(
            now, exit_code=past.exit_code, cancelled_by=past.cancelled_by, requested=past.requested, used=past.used
        )

    def active(self, array: ArrayId) -> bool:
        """Tell whether any task of this array may still begin or go on."""
        return any(task.state.active for _, task in self.all_tasks(array))

    def all_tasks(self, array: ArrayId) -> Sequence[tuple[IndexSet, Task]]:
        """Return what is known of this array: sets of indices (an empty one: a plain job) with their state."""
        queue = self._queue.of(array)
        rows, past = queue.all(), self._past.of(array).all()
        if not rows or not past:
            return rows or past
        told = []
        for indices, task in rows:
            index = next(iter(indices), None)
            is_alone = len(indices) < 2 and queue.row_of(index) is task  # and no part of a heterogeneous job
            told.append((indices, (self.task(array, index) if is_alone else None) or task))
        for indices, task in past:
            left = IndexSet.of(index for index in indices if queue.row_of(index) is None)
            if left or (not indices and queue.row_of(None) is None):
                told.append((left, task))
        return told


def _of_queue(row: QueueRecord) -> Task:
    reason = "" if row.reason in ("None", "") else row.reason
    return Task(row.state, reason, row.nodes, row.start, row.end, submitted=row.submitted)


def _of_accounting(record: AccountingRecord) -> Task:
    return Task(
        record.state, "", record.nodes, record.start, record.end, record.exit_code, record.cancelled_by,
        record.requested, record.used, record.submitted,
    )  # fmt: skip


def watch(
    slurm: Slurm, arrays: Sequence[ArrayId], intervals: tuple[float, float] = INTERVALS
) -> Iterator[Snapshot | CommandError]:
    """Yield a snapshot after each poll until no task of `arrays` is active; for a poll that failed, its error.

    A failed poll says nothing of any task; nor does one that lacks an array which has to be there: one that was active
    less than MinJobAge ago. What has ended stays known, also when the queue has forgotten it since. The pauses grow
    from the first to the second of `intervals`, in seconds.
    """
    pause, longest = intervals
    began = time.monotonic()
    others = [array.job_id for array in arrays if array.user not in (None, os.getuid())]
    watched = {array.job_id: array for array in arrays}
    # When each array was seen active.
    active: dict[ArrayId, float] = {}
    ended: dict[tuple[int, IndexSet, int | None], QueueRecord] = {}
    while True:
        try:
            queue = slurm.queue(others)
            _check_that_all_are_shown(slurm, queue, active)
            snapshot = Snapshot(queue.records, ended.values())
            yield snapshot
            for row in queue.records:
                array = watched.get(row.array_job_id)
                if array is not None and array.owns(row) and not row.state.active:
                    ended[row.array_job_id, row.indices, row.component] = row
            active.update((array, queue.asked) for array in arrays if snapshot.active(array))
            may_come = time.monotonic() - began < GRACE
            if not any(snapshot.active(array) or (may_come and not snapshot.knows(array)) for array in arrays):
                return
        except CommandError as error:
            yield error
        time.sleep(pause)
        pause = min(pause * 1.5, longest)


def _check_that_all_are_shown(slurm: Slurm, queue: Queue, active: Mapping[ArrayId, float]) -> None:
    """Raise CommandError if the queue lacks an array that was active so short a time ago that it has to be there."""
    shown = Snapshot(queue.records)
    missing = {array: queue.asked - asked for array, asked in active.items() if not shown.knows(array)}
    if missing:
        array, age = min(missing.items(), key=lambda item: item[1])
        try:
            min_job_age = slurm.limits().min_job_age
        except CommandError:
            min_job_age = Limits().min_job_age
        if age < min_job_age:
            what = f"squeue does not show job {array.job_id}, which was active {age:.0f} s ago"
            raise CommandError(what, remedy="Try again later")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
