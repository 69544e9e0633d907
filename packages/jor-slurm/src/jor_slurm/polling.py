"""The state of array tasks: one squeue and one sacct, joined."""

from __future__ import annotations

import pwd
import time
from collections.abc import Iterable, Iterator, Sequence

import attrs

from .arrays import IndexSet
from .commands import ArrayId, Slurm
from .errors import CommandError
from .parsing import AccountingRecord, QueueRecord
from .states import ExitCode, JobState, why_stuck
from .units import format_memory

#: Seconds between two polls: the first, and the longest.
INTERVALS = (5.0, 60.0)
#: Seconds that a new array may take to show in the queue.
GRACE = 30.0

_REASONS = {"JobLaunchFailure": "its log could not be opened, or its script was killed"}


@attrs.frozen
class Task:
    """What Slurm says of one array task, or plain job."""

    state: JobState
    #: Why it waits, in Slurm's word.
    reason: str = ""
    nodes: str = ""
    start: str = ""
    end: str = ""
    exit_code: ExitCode | None = None
    cancelled_by: int | None = None
    #: Bytes asked for, and most bytes used by a step; None if not known.
    requested: int | None = None
    used: int | None = None

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether it was ended for that: where the kernel does not see to it, Slurm only says FAILED, by signal 9."""
        killed = self.exit_code is not None and self.exit_code.signal == 9
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


class Snapshot:
    """What Slurm knew of a user's jobs at one moment.

    A task is looked up by its array's job id *and* name: ids are given again after a restart or a wrap, to anybody.
    """

    def __init__(self, queue: Iterable[QueueRecord], accounting: Iterable[AccountingRecord] = ()) -> None:
        self._single: dict[tuple[int, str, int | None], Task] = {}
        self._many: dict[tuple[int, str], list[tuple[IndexSet, Task]]] = {}
        for record in accounting:
            self._add(record, _of_accounting(record))
        known = self._single
        for row in queue:  # after: the queue beats the accounting, which lags
            task = _of_queue(row)
            before = (
                known.get((row.array_job_id, row.name, next(iter(row.indices), None))) if len(row.indices) < 2 else None
            )
            if before is not None and before.state == task.state:
                task = attrs.evolve(before, reason=row.reason, nodes=row.nodes)
            self._add(row, task)

    def knows(self, array: ArrayId) -> bool:
        """Tell whether any task of this array is known."""
        return (array.job_id, array.name) in self._many

    def task(self, array: ArrayId, index: int | None = None) -> Task | None:
        """Return what is known of a task, or of a plain job; None when it is not known: not yet, or not any more."""
        found = self._single.get((array.job_id, array.name, index))
        if found is None and index is not None:
            for indices, task in reversed(self._many.get((array.job_id, array.name), ())):
                if index in indices:
                    return task
        return found

    def active(self, array: ArrayId) -> bool:
        """Tell whether any task of this array may still begin or go on."""
        return any(task.state.active for _, task in self._many.get((array.job_id, array.name), ()))

    def all_tasks(self, array: ArrayId) -> Sequence[tuple[IndexSet, Task]]:
        """Return what is known of this array: sets of indices (an empty one: a plain job) with their state."""
        return self._many.get((array.job_id, array.name), ())

    def _add(self, record: QueueRecord | AccountingRecord, task: Task) -> None:
        array = (record.array_job_id, record.name)
        rows = self._many.setdefault(array, [])
        if len(record.indices) < 2:
            index = next(iter(record.indices), None)
            self._single[(*array, index)] = task
        rows.append((record.indices, task))


def _of_queue(row: QueueRecord) -> Task:
    reason = "" if row.reason in ("None", "") else row.reason
    return Task(row.state, reason, row.nodes, row.start, row.end)


def _of_accounting(record: AccountingRecord) -> Task:
    return Task(
        record.state, "", record.nodes, record.start, record.end, record.exit_code, record.cancelled_by,
        record.requested, record.used,
    )  # fmt: skip


def watch(
    slurm: Slurm, arrays: Sequence[ArrayId], intervals: tuple[float, float] = INTERVALS
) -> Iterator[Snapshot | CommandError]:
    """Yield a snapshot after each poll until no task of `arrays` is active; for a poll that failed, its error.

    A failed poll says nothing of any task. The pauses grow from the first to the second of `intervals`, in seconds.
    """
    pause, longest = intervals
    began = time.monotonic()
    while True:
        try:
            snapshot = Snapshot(slurm.queue().records)
            yield snapshot
            may_come = time.monotonic() - began < GRACE
            if not any(snapshot.active(array) or (may_come and not snapshot.knows(array)) for array in arrays):
                return
        except CommandError as error:
            yield error
        time.sleep(pause)
        pause = min(pause * 1.5, longest)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
