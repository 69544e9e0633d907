"""A place of a worker where one job after the other runs: with a host, a staging folder, a log."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import NamedTuple, Sequence

from ..errors import JorError
from .events import Isolation
from .forking import ForkError
from .forkserver import CANNOT_LOAD, Host, Stops
from .job_process import Board, Outcome
from .job_spec import Job
from .publishing import Beside, Publisher
from .run_folder import KEPT, Run
from .run_spec import RunSpec
from .staging import NotPublishedError, Staging, delete, force, force_name, staged, stamp
from .subreaper import Orphans, Reaper, children, running

#: Seconds that a job may take to its end after `execute` has returned, beside the grace period; and to be told of.
ENDS_WITHIN, TOLD_AFTER = 60.0, 10.0
#: Seconds by which a signal to the worker may come later than the same signal to its job, when both are sent it.
SIGNAL_LAG = 0.5
_STOPPED = "it was told to stop, and ended well: it may have stopped early"


class Settled(NamedTuple):
    """What has become of a job."""

    #: Why it failed; '' if it has not.
    error: str
    #: The files that it put beside its output, relative to the folder of all outputs.
    beside: Sequence[str] = ()
    #: What users should know of it.
    notice: str = ""
    #: Whether it wrote at its final path by itself, though that was not its to do.
    direct: bool = False


class CannotWorkError(JorError):
    """This worker cannot do any job, and no other would fare better."""


class Slot:
    """One of the `slots` of a worker; it enters itself there."""

    def __init__(
        self,
        run: Run,
        spec: RunSpec,
        slots: list[Slot],
        publisher: Publisher,
        reaper: Reaper,
        stops: Stops,
        log: str = "",
    ) -> None:
        """Make a place; `stops` tells whether to wait no longer for room for a host."""
        if sys.platform == "darwin" and spec.isolation == "auto":
            # To fork a process that has touched the system's frameworks is unsafe there (bugs.python.org/issue33725).
            spec = spec._replace(isolation="spawn")
        self._run = run
        self._spec = spec
        self._slots = slots
        self._reaper = reaper
        self._stops = stops
        self._staging = Staging(run.partial, len(slots))
        self._board = Board()
        self._host: Host | None = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._log = os.open(log, flags, 0o666) if log else 1
        self._began = 0.0
        self._kill_at: float | None = None
        self.log = log
        #: What it runs at this moment, and where in the log its output begins.
        self.job: Job | None = None
        self.first = -1
        #: Seconds until the job module was loaded, if this job's host had to do that first; None if it had not.
        self.loading: float | None = None
        self._is_fresh = False
        #: What was taken for `isolation = auto`, as soon as that is known.
        self.isolation: Isolation | None = None
        self._before: object = None
        self._publisher = publisher
        #: Whether anything is kept of failed jobs.
        self._keeps = os.path.isdir(os.path.join(os.path.dirname(run.partial), KEPT))
        #: Whether it was told to stop before `execute` had returned; why it was given up after that, '' if it was not;
        #: and whether users have been told that it does not come to its end.
        self._is_stopped = False
        self._overdue = ""
        self._is_told = False
        slots.append(self)

    @property
    def answers(self) -> int | None:
        """What becomes readable when the job has ended; None where the end of a process has to do."""
        assert self._host is not None
        return None if self._host.has_hung_up else self._host.answers

    @property
    def due(self) -> float | None:
        """When, by time.monotonic(), `stop` is to be called again; None for never."""
        return self._kill_at

    @property
    def log_position(self) -> int:
        """The length of the log that the job writes to, bytes; -1 when it goes elsewhere."""
        try:
            return os.lseek(self._log, 0, os.SEEK_END)
        except OSError:
            return -1

    @property
    def left_running(self) -> str:
        """What to call a process that the last job has left running, and that was ended; "" for none."""
        return self._board.left_running

    @property
    def numpy(self) -> str:
        """The version of NumPy that the last job had loaded; "" for none."""
        return self._board.numpy

    def begin(self, job: Job, offset: int, first: int) -> None:
        """Run `job`, whose line lies at `offset`, and whose output will begin at `first` in the log.

        Raise ForkError if no process could be started for it; `settle` then tells the reason.
        """
        self.job = job
        self.first = first
        self.loading = None
        self._before = stamp(self._final)
        if not self._spec.atomic_output and os.path.dirname(job.output):
            with suppress(OSError):  # the job will tell
                os.makedirs(os.path.dirname(self._final), exist_ok=True)
        self._board.begin()
        self._is_stopped = self._is_told = False
        self._overdue = ""
        self._began = time.monotonic()
        self._kill_at = None
        self._is_fresh = self._host is None
        if self._host is None:
            self._host = self._new_host()
        self._host.order(offset)

    def ended(self, answered: bool) -> tuple[Outcome, Orphans] | None:
        """Return how the job ended, and what it left behind; None while it runs.

        `answered` tells that there is something to read. Raise CannotWorkError when the job module cannot be loaded.
        """
        host = self._host
        assert host is not None
        if not answered and not host.is_dead:
            return None
        ended = host.answer()
        if ended is None:
            if not host.is_dead:
                return None  # its job has closed the pipe, and goes on
            ended = self._ended_host()
        if self._is_fresh and self._board.began:
            self.loading = self._board.began - self._began
        if self._spec.isolation == "auto" and self.isolation is None and self._board.began:
            self.isolation = Isolation(self._board.threads, round(self.loading or 0.0, 4))
        return ended

    def _new_host(self) -> Host:
        others = [slot._host for slot in self._slots if slot._host is not None]
        has_threads = self.isolation is not None and self.isolation.threads
        spec = self._spec._replace(isolation="spawn") if has_threads else self._spec
        try:
            return Host(self._run, spec, self._staging.folder, self._board, self._log, others, self._stops)
        except ForkError as error:
            self._board.tell(error.what)
            raise

    def _ended_host(self) -> tuple[Outcome, Orphans]:
        """Return what the end of the host tells of its job. Raise CannotWorkError if it could not load the module."""
        outcome, orphans = self._dismiss_host()
        began = self._board.began
        if outcome.status == CANNOT_LOAD and not began:
            raise CannotWorkError(self._board.take())
        return outcome._replace(seconds=time.monotonic() - (began or self._began)), orphans

    def settle(self, outcome: Outcome, error: str, stopped_at: float | None = None) -> Settled:
        """Put the job's output into place unless it failed with `error`; return what has become of it.

        `stopped_at` is when its worker was told to stop, by time.monotonic(); None if it was not.
        """
        error = self._overdue or error
        if not error and outcome.status:
            error = self._board.take() or f"exit status {outcome.status}"
        if not error and not self._board.ended:
            what = "all that follows was done" if self._board.returned_at else "execute had returned"
            error = f"its process ended before {what}"  # os._exit, or another program in its place
        is_late = stopped_at is not None and self._board.returned_at > stopped_at - SIGNAL_LAG
        if not error and (self._is_stopped or is_late):
            error = _STOPPED
            self._board.returned_at = 0.0  # its output is dropped
        settled = Settled(error, direct=self.writes_in_place()) if error else self._publish()
        if settled.error:
            if not os.path.lexists(self._staging.folder):
                said = f"job {self.job.index if self.job else '?'}: its folder {self._staging.folder} is gone"
                print(f"{said}: the job, or another process, has deleted or moved it", file=sys.stderr)  # noqa: T201 # the log of the task
            settled = settled._replace(error=settled.error + self._keep())
        elif self._keeps:
            delete(self._kept)
            with suppress(OSError):  # that of others is kept there
                os.rmdir(os.path.dirname(self._kept))
        if settled.error and self._spec.isolation == "none" and self._board.returned_at:
            self._dismiss_host()  # what it has left open or running is no next job's
        if settled.error or settled.direct:
            self._renew()
        self.job = None
        return settled

    def writes_in_place(self) -> bool:
        """Tell whether something new stands at the final path of a job that still runs, and is to write elsewhere."""
        return self._spec.atomic_output and stamp(self._final) not in (None, self._before)

    def remind(self, grace: float) -> str:
        """Return what users should know of a job that has returned and does not end, each once; give it up at last."""
        assert self.job is not None
        assert self._host is not None
        waits = self._board.waits
        if waits > ENDS_WITHIN + grace and not self._overdue:
            self._overdue = f"execute returned {waits:.0f} s ago, and it has not ended since: {self._board.waits_for}"
            self._host.signal(signal.SIGKILL)
        if waits < TOLD_AFTER or self._is_told:
            return ""
        self._is_told = True
        return f"job {self.job.index} has returned from execute, and waits for its end: {self._board.waits_for}"

    def stop(self, number: int, grace: float, at_once: bool) -> None:
        """Signal the job as is due: with `number` first, with SIGKILL after `grace` seconds or `at_once`."""
        assert self._host is not None
        now = time.monotonic()
        if at_once or (self._kill_at is not None and now >= self._kill_at):
            self._host.signal(signal.SIGKILL)
            self._kill_at = now + 1
        elif self._kill_at is None:
            self._board.stop = True
            if not self._board.returned_at:  # one that has returned is on its way out
                self._is_stopped = True
                self._host.signal(number)
                self._host.signal(signal.SIGCONT)  # a stopped process would not hear
            self._kill_at = now + grace

    def warn(self) -> None:
        """Have the job call its class's `checkpoint`, if there is one."""
        if self._host is not None:
            self._host.warn()

    def close(self) -> None:
        """End the host, and delete the staging folder."""
        self._dismiss_host()
        self._staging.close()

    def final(self, job: Job) -> str:
        """Return the path at which the output of `job` belongs."""
        return os.path.join(self._spec.folder, job.output)

    @property
    def _final(self) -> str:
        assert self.job is not None
        return self.final(self.job)

    def _dismiss_host(self) -> tuple[Outcome, Orphans]:
        """End the host; return how it ended, and what it left behind."""
        if self._host is None:
            return Outcome(0.0, 0, 0), Orphans(0, 0)
        host, self._host = self._host, None
        outcome = host.close(self._spec.grace_period)
        others = frozenset(slot._host.pid for slot in self._slots if slot._host is not None)
        if left := children() - self._reaper.spared - others:
            self._board.left_running = running(left)
        return outcome, self._reaper.kill(others)

    def _publish(self) -> Settled:
        """Put the output into place, and what lies beside it."""
        durably = self._spec.fsync
        try:
            if self._spec.atomic_output:
                beside = self._publisher.publish(self._staging, self._final, durably=durably)
                if beside is not None:
                    return Settled("", beside.files, self._told(beside))
            if durably and stamp(self._final) is not None:
                force(self._final)
                force_name(self._final, self._spec.folder)
        except NotPublishedError as error:
            return Settled(f"{error.what}. {error.remedy}")
        except OSError as error:
            return Settled(f"the output could not be put into place: {error}")
        now = stamp(self._final)
        # Without staging, the job's word is all there is. A job that wrote at the final path all the same
        # (it made up the path by itself) has to have changed what stands there.
        if not self._spec.atomic_output and now is not None:
            return Settled("")
        if now not in (None, self._before):
            return Settled("", direct=True)
        added = self._staging.added_to_name(self._final)
        told = f": only one with {added!r} added to its name" if added else self._board.hint
        if os.path.lexists(staged(self._staging.folder, self._final)):
            told = ": what it has made there is no file"
        return Settled(f"execute returned, but has not written its output{told}")

    def _told(self, beside: Beside) -> str:
        """Return what users should know of what lies beside the output; '' for nothing."""
        assert self.job is not None
        if beside.aside:
            where = f"{self.job.output}.files"
            return f"files beside outputs have names that others have: {beside.aside[0]}, for one, is in {where}"
        if self._board.left_open:
            return f"jobs leave files beside their outputs open: {self._board.left_open}, for one. Close them"
        return ""

    @property
    def _kept(self) -> str:
        assert self.job is not None
        return os.path.join(os.path.dirname(self._run.partial), KEPT, self.job.output)

    def _keep(self) -> str:
        """Keep what a job had made that failed after `execute` had returned; return where, in words, '' for nowhere."""
        if not self._board.returned_at:
            return ""
        try:
            if not self._staging.keep(self._kept):
                return ""
        except OSError as error:
            return f"; what it had made could not be kept: {error}"
        self._keeps = True
        return f"; what it had made is kept in {self._kept}"

    def _renew(self) -> None:
        """Have an empty staging folder for the next job, whatever this one did to it."""
        if self._staging.renew():
            self._dismiss_host()  # it writes to the other one
