"""A place of a worker where one job after the other runs: with a host, a staging folder, a log."""

from __future__ import annotations

import os
import signal
import time

from ..errors import JorError
from .forkserver import CANNOT_LOAD, Host
from .job_process import Board, Outcome
from .job_spec import Job
from .run_folder import Run
from .run_spec import RunSpec
from .staging import Staging, force, force_name, staged, stamp
from .subreaper import kill_descendants


class CannotWorkError(JorError):
    """This worker cannot do any job, and no other would fare better."""


class Slot:
    """One of the `slots` of a worker; it enters itself there."""

    def __init__(self, run: Run, spec: RunSpec, slots: list[Slot], log: str = "") -> None:
        self._run = run
        self._spec = spec
        self._slots = slots
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
        self._before: object = None
        slots.append(self)

    @property
    def answers(self) -> int:
        """What becomes readable when the job has ended."""
        assert self._host is not None
        return self._host.answers

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

    def begin(self, job: Job, offset: int, first: int) -> None:
        """Run `job`, whose line lies at `offset`, and whose output will begin at `first` in the log."""
        self.loading = None
        self._is_fresh = self._host is None
        if self._host is None:
            others = [slot._host for slot in self._slots if slot._host is not None]
            self._host = Host(self._run, self._spec, self._staging.folder, self._board, self._log, others)
        self.job = job
        self.first = first
        self._before = stamp(self._final) if self._spec.may_exist else None
        self._board.ended = False
        self._began = time.monotonic()
        self._kill_at = None
        self._host.order(offset)

    def ended(self, answered: bool) -> tuple[Outcome, int] | None:
        """Return how the job ended, and how many processes it left behind; None while it runs.

        `answered` tells that there is something to read. Raise CannotWorkError when the job module cannot be loaded.
        """
        host = self._host
        assert host is not None
        if not answered and not host.is_dead:
            return None
        answer = host.answer()
        if answer is None or self._spec.isolation == "spawn":
            outcome, orphans = self._dismiss_host()
            if answer is None:
                if outcome.status == CANNOT_LOAD:
                    raise CannotWorkError(self._board.take())
                return outcome._replace(seconds=time.monotonic() - self._began), orphans
        if self._is_fresh:
            self.loading = time.monotonic() - self._began - answer[0].seconds
        return answer

    def settle(self, outcome: Outcome, error: str) -> str:
        """Put the job's output into place unless it failed with `error`; return why it has failed, '' if it has not."""
        if not error and outcome.status:
            error = self._board.take() or f"exit status {outcome.status}"
        if not error and not self._board.ended:
            error = "its process ended before execute had returned"  # os._exit, or another program in its place
        if not error:
            error = self._publish()
        if error:
            self._staging.clear()
        self.job = None
        return error

    def stop(self, number: int, grace: float, at_once: bool) -> None:
        """Signal the job as is due: with `number` first, with SIGKILL after `grace` seconds or `at_once`."""
        assert self._host is not None
        now = time.monotonic()
        if at_once or (self._kill_at is not None and now >= self._kill_at):
            self._host.signal(signal.SIGKILL)
            self._kill_at = now + 1
        elif self._kill_at is None:
            self._board.stop = True
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

    def _dismiss_host(self) -> tuple[Outcome, int]:
        """End the host; return how it ended, and how many processes it left behind."""
        if self._host is None:
            return Outcome(0.0, 0, 0), 0
        host, self._host = self._host, None
        outcome = host.close()
        return outcome, kill_descendants(frozenset(slot._host.pid for slot in self._slots if slot._host is not None))

    def _publish(self) -> str:
        """Put the output into place; return why that cannot be, or ''."""
        atomic = self._spec.atomic_output
        durably = self._spec.fsync
        try:
            if atomic and self._staging.publish(self._final, durably=durably):
                return ""
            if durably and stamp(self._final) is not None:
                force(self._final)
                force_name(self._final, self._spec.folder)
        except OSError as error:
            return f"the output could not be put into place: {error}"
        now = stamp(self._final)
        # Without staging, the job's word is all there is. A job that wrote at the final path all the same
        # (it made up the path by itself) has to have changed what stands there.
        written = now is not None if not atomic else now not in (None, self._before)
        if written:
            return ""
        added = self._staging.added_to_name(self._final)
        told = f": only one with {added!r} added to its name" if added else ""
        if os.path.lexists(staged(self._staging.folder, self._final)):
            told = ": what it has made there is no file"
        return f"execute returned, but has not written its output{told}"
