"""Carry submissions out on this machine: start workers, feed them, follow their journals, pass signals on.

Each submission has its own pipe, the feed, and its own workers. Submissions are worked off in their order; as one runs
out of jobs, the machine's free share goes to the next.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import attrs

from ..runtime.signals import Watch
from ..runtime.subreaper import Reaper, adopt_orphans, load_prctl
from .worker_pool import Assignment, Crew, Failure

#: Seconds between two looks at the journals.
INTERVAL = 0.1
#: Seconds that a worker gets beyond its jobs' grace period before it is killed.
_WORKER_GRACE = 5.0


@attrs.frozen
class Progress:
    """How far a run is; numbers of jobs."""

    total: int
    done: int
    failed: int
    #: Stopped with the run, by a signal.
    interrupted: int
    running: int


@attrs.frozen
class Result:
    """How a run ended."""

    progress: Progress
    failures: Sequence[Failure]
    #: Why a submission could not be carried on, by its label.
    broken: Mapping[str, str]
    #: The signal that stopped it; None if none did.
    stopped_by: int | None
    #: Whether others may have taken over what was left of a submission.
    is_taken_over: bool
    #: What users should know of a submission, as its workers say, by its label.
    notices: Mapping[str, Sequence[str]]


def carry_out(
    assignments: Sequence[Assignment],
    *,
    observe: Callable[[Progress], None],
    foreground: bool = False,
    deadline: float = math.inf,
) -> Result:
    """Run all jobs of `assignments`; return when they have ended, or a signal has stopped them.

    `observe` is told the progress ten times a second. In the foreground, jobs write to this command's own standard
    output instead of a log. At `deadline`, by time.monotonic(), jobs are stopped as by SIGTERM.
    """
    local = _Local([Crew(assignment, foreground) for assignment in assignments], observe, deadline)
    try:
        return local.run()
    finally:
        local.close()


class _Local:
    """All crews, and the machine that they share."""

    def __init__(self, crews: list[Crew], observe: Callable[[Progress], None], deadline: float) -> None:
        self._ends = deadline
        self._crews = crews
        self._observe = observe
        adopt_orphans(load_prctl())
        self._reaper = Reaper()
        self._watch = Watch()
        self._deadline: float | None = None
        self._hurried = False

    def run(self) -> Result:
        while True:
            for crew in self._crews:
                crew.refresh()  # first: after a standstill, others may have taken over what is left
            if self._is_stopping:
                self._pass_signal_on()
            else:
                self._employ()
            self._look()
            self._observe(self._progress())
            if not any(crew.workers for crew in self._crews) and (
                self._is_stopping or all(crew.is_over for crew in self._crews)
            ):
                return self._result()
            self._watch.sleep(INTERVAL)

    def close(self) -> None:
        for crew in self._crews:
            crew.close()
        self._watch.close()

    @property
    def _is_stopping(self) -> bool:
        return self._watch.stopping or time.monotonic() > self._ends

    def _employ(self) -> None:
        """Start as many workers as the machine has room for, in the order of the submissions."""
        busy = sum((crew.share * len(crew.workers) for crew in self._crews), Fraction(0))
        for crew in self._crews:
            while crew.wants_worker and busy + crew.share <= 1 and crew.start_worker():
                busy += crew.share
            crew.feed()

    def _look(self) -> None:
        """Read what is new in the journals, and see off workers that have ended."""
        bereaved = False
        for crew in self._crews:
            bereaved |= crew.look()
        if bereaved:
            self._reaper.kill(frozenset[int]().union(*(crew.pids for crew in self._crews)))

    def _pass_signal_on(self) -> None:
        now = time.monotonic()
        if self._deadline is None or (self._watch.hurried and not self._hurried):
            grace = 0 if self._watch.hurried else max(crew.submitted.submission.grace_period for crew in self._crews)
            self._deadline = now + grace + _WORKER_GRACE
            self._hurried = self._watch.hurried
            self._send(self._watch.stopped_by or signal.SIGTERM)
        elif now > self._deadline:
            self._send(signal.SIGKILL)
        elif self._hurried:
            # Again and again: two signals that come together arrive as one.
            self._send(self._watch.stopped_by or signal.SIGTERM)

    def _send(self, number: int) -> None:
        for crew in self._crews:
            for worker in crew.workers:
                worker.is_stopped = True
                worker.process.send_signal(number)

    def _progress(self) -> Progress:
        return Progress(
            total=sum(crew.total for crew in self._crews),
            done=sum(crew.done for crew in self._crews),
            failed=sum(len(crew.failures) for crew in self._crews),
            interrupted=sum(crew.interrupted for crew in self._crews),
            running=sum(len(worker.begun) for crew in self._crews for worker in crew.workers),
        )

    def _result(self) -> Result:
        failures = [one for crew in self._crews for one in sorted(crew.failures, key=lambda failure: failure.index)]
        broken = {crew.submitted.submission.label: crew.broken for crew in self._crews if crew.broken}
        is_taken_over = any(crew.is_taken_over for crew in self._crews)
        notices = {crew.submitted.submission.label: tuple(crew.notices) for crew in self._crews if crew.notices}
        return Result(self._progress(), failures, broken, self._watch.stopped_by, is_taken_over, notices)
