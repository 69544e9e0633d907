"""How long a worker may go on: until a signal, its end of time, its revocation, another attempt at the same task."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NamedTuple

from .events import LastWords
from .journal import Reader
from .process_id import REFRESH_EVERY, Owner, age
from .run_folder import Run
from .run_spec import BatchSpec
from .signals import Watch

#: Seconds between two looks of an array task for a newer attempt at itself, or for its revocation.
LOOK_EVERY = 10.0
#: Seconds between two signs of life of an array task, by the time of its journal: much less than those after which
#: others take it for dead, and each costs a file server one request.
BEAT_EVERY = 120.0
#: No job is begun that, taking as long as the longest so far, would end later than these seconds before the end.
SPARE = 5.0
#: Most names that it lists for that, on average: a submission of 10,000 tasks has 20,000 files, listed every 50 s.
_NAMES_A_SECOND = 400
#: Seconds within which a network file system shows what there is, and a task that has seen it is stopping.
_SHOWN_WITHIN = 65.0


class Attempt(NamedTuple):
    """Which worker or array task a process is, and the how many-th attempt at it."""

    task: int
    restart: int = 0
    #: Seconds that the batch system gives it from its start on; 0 if it has not told.
    limit: float = 0.0
    #: What the batch system calls it; "" if there is none.
    job_id: str = ""


class Tenure:
    """What is known of how long this worker may go on. `batch` is None for a worker of `jor run` on this machine."""

    def __init__(self, run: Run, batch: BatchSpec | None, attempt: Attempt, watch: Watch) -> None:
        self._run = run
        self._batch = batch
        self._attempt = attempt
        self._watch = watch
        limit = attempt.limit or (batch.time_limit if batch else 0.0)
        # Counted from its own start, not up to a time of day: the clock of this host may differ from whoever ends it.
        self._ends = time.monotonic() + limit - age() if limit else float("inf")
        self._requeue_at: float | None = None
        self._look_at = 0.0
        self._beat_at = time.monotonic() + BEAT_EVERY
        #: Why others have its jobs now; "" as long as they have not.
        self.lost = ""
        #: Seconds that the longest of its jobs has taken.
        self.longest = 0.0

    def await_predecessor(self, grace: float) -> None:
        """Wait until the attempt before this one has stopped, if that may still run, on a node that was lost.

        It sees that there is a newer one; its jobs get `grace` seconds. One that tells nothing is waited for as long as
        it may need.
        """
        if not self._attempt.restart:
            return
        begun = self._run.attempts(self._attempt.task, os.listdir(self._run.folder))
        earlier = [restart for restart in begun if restart < self._attempt.restart]
        if not earlier:
            return
        # The newest has waited for those before it.
        before = Reader(self._run.journal(self._attempt.task, max(earlier)))
        deadline = time.monotonic() + heeded_within(self._run.folder) + grace
        words = LastWords()
        while time.monotonic() < deadline and not self.lapsed():
            for event in before.events():
                words.add(event)
            owner = Owner.parse(words.owner)
            if words.over or (owner is not None and owner.is_dead()):
                return
            self._watch.sleep(1.0)

    @property
    def patience(self) -> float:
        """How long it may sleep at most before it asks anew, seconds."""
        return LOOK_EVERY if self._batch else REFRESH_EVERY / 2

    def lapsed(self) -> str:
        """Return why the jobs that run have to stop; '' as long as they need not."""
        if self._watch.stopped_by:
            return signal.Signals(self._watch.stopped_by).name
        if self._watch.abandoned:
            return "jor was killed while it ran"
        now = time.monotonic()
        if not self.lost and now >= self._look_at:
            self.lost = self._look(now) if self._batch else self._refresh(now)
        if self._batch and now >= self._beat_at:
            self._beat(now)
        if self.lost:
            return self.lost
        if self._batch and self._watch.warned and self._batch.requeue:
            # The warning may come up to a minute early, never late: sbatch(1), --signal.
            self._requeue_at = self._requeue_at or now + self._batch.warning * 0.75
            if now >= self._requeue_at:
                return "its task's time was up"
        return ""

    def _beat(self, now: float) -> None:
        """Say that this array task lives, whatever its batch system says of it: jobs may run for days."""
        self._beat_at = now + BEAT_EVERY
        try:
            os.utime(self._run.journal(self._attempt.task, self._attempt.restart))
        except OSError:
            pass  # what cannot be reached now is tried again

    def _look(self, now: float) -> str:
        """Return why another is to run the jobs of this array task; '' if none is."""
        # Not a look-up of each, which NFS may answer from a stale cache for a minute.
        names = _names(self._run.folder)
        self._look_at = now + _look_every(len(names))
        # Not just the next one: that may have ended before it began, with its node.
        if max(self._run.attempts(self._attempt.task, names), default=0) > self._attempt.restart:
            return "another attempt at its task has begun"
        if os.path.basename(self._run.revoked) in names:
            reasons = (why for first, last, why in self._run.revocations() if first <= self._attempt.task <= last)
            return next(reasons, "")
        return ""

    def _refresh(self, now: float) -> str:
        """Say that this submission is being carried out, also while the command is suspended; return why it is not."""
        self._look_at = now + self.patience
        try:
            os.utime(self._run.alive)
        except FileNotFoundError:
            if os.path.isdir(self._run.folder):
                return "its lock is gone: jor stood still, or the file was deleted"
        except OSError:
            pass  # what cannot be reached now is tried again
        return ""

    def ending(self) -> str:
        """Return why no more jobs may begin; '' as long as they may."""
        if self._watch.warned:
            return "its task was warned of its end"
        if time.monotonic() + self.longest + SPARE > self._ends:
            return "its task had no time left for it"
        return self.lapsed()

    def requeue(self) -> None:
        """Have the batch system run this task again if it was warned of its end, and is to be requeued then."""
        if self._watch.warned and not self._watch.stopped_by and self._batch and self._batch.requeue:
            command = [*self._batch.requeue, self._attempt.job_id]
            status = os.spawnvp(os.P_WAIT, command[0], command)  # noqa: S606 # subprocess would cost 5 ms at each start
            if status:
                print(f"Error: exit status {status} of {' '.join(command)}", file=sys.stderr)  # noqa: T201


def heeded_within(folder: str) -> float:
    """Return the seconds within which all tasks of the submission in `folder` see what is new there, and stop.

    Their jobs get the grace period besides.
    """
    return _look_every(len(os.listdir(folder))) + _SHOWN_WITHIN


def _look_every(names: int) -> float:
    """Return the seconds between two looks into a folder with so many names."""
    return max(LOOK_EVERY, names / _NAMES_A_SECOND)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []  # what cannot be seen now is looked for again: no reason to end a job that has run for days
