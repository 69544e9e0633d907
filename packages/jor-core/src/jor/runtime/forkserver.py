"""The host: the process that has loaded the job module, and in which, or from which, jobs run.

A worker orders one job after the other from its host:

    fork    the host forks a process for each job
    none    the host runs the jobs itself
    spawn   the host runs one job itself, and ends; its worker then takes a fresh one, forked from the worker, which has
            loaded nothing of the user's
    auto    fork; but once the host has threads that a fork would lose, it says so and goes on as spawn

How a job ended is answered through a pipe, or, by a host that ends with its job, by its exit status. A host that runs a
job itself ends with it as well if the job has closed that pipe, or opened another file in its place.

The worker stays clear of the job module. That keeps it safe from whatever the module does; and it makes forking cheap:
after each fork, the forking process pays for every page of memory that it touches, and the host touches few.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # signal without its enums; typeshed leaves it out
import faulthandler
import gc
import os
import resource
import signal
import struct
import sys
import time
from types import FrameType
from typing import Callable, Iterable, Iterator, NoReturn

from ..errors import JobModuleError, JorError
from .forking import ForkError, fork, lost_threads
from .job_end import disown_exit_functions, list_open, run_exit_functions, running_threads, writer_of
from .job_process import Board, JobProcess, Outcome, perform
from .job_spec import require_unchanged, thaw
from .jobs import JobsBase
from .record_files import regular
from .run_folder import Run
from .run_spec import RunSpec
from .signals import STOPPING
from .staging import staged
from .subreaper import (
    Orphans,
    PrCtl,
    Reaper,
    adopt_orphans,
    children,
    descendants,
    die_with_parent,
    has_children,
    load_fflush,
    load_prctl,
    running,
)

#: An order: where the job's line begins in jobs.jsonl.
ORDER = struct.Struct("<Q")
#: The answer: an Outcome, and Orphans.
ANSWER = struct.Struct("<dQiii")
#: Exit status of a host whose job module cannot be loaded: EX_UNAVAILABLE.
CANNOT_LOAD = 69
_SIG_SETMASK = int(signal.SIG_SETMASK)  # for _signal: the enums cost each forked job forty copied pages
#: Tells whether to wait no longer for something.
Stops = Callable[[], object]
#: Bytes of jobs.jsonl that are read, and checked against the job module, at a time.
_BLOCK = 65_536
_END = "wait for its end before execute returns"


class Host:
    """A running host, seen from its worker."""

    def __init__(
        self, run: Run, spec: RunSpec, staging: str, board: Board, log: int, others: Iterable[Host], stops: Stops
    ) -> None:
        """Start it, printing to the file `log`; `others` are the worker's other hosts.

        Raise ForkError if that was tried in vain, or `stops` told to try no more.
        """
        orders, self._orders = os.pipe()
        self.answers, answers = os.pipe()
        worker = os.getpid()
        try:
            self.pid = fork(stops)
        except ForkError:
            for end in (orders, self._orders, answers, self.answers):
                os.close(end)
            raise
        if self.pid == 0:
            # Only these two ends: else the worker's death would not be seen.
            for host in (self, *others):
                os.close(host._orders)
                os.close(host.answers)
            if log != 1:
                os.dup2(log, 1)
                os.dup2(log, 2)
            _be_host(run, spec, staging, board, orders, answers, worker)
        os.close(orders)
        os.close(answers)
        os.set_blocking(self.answers, False)
        self._ended: Outcome | None = None
        #: Whether nothing will come through the pipe any more: it ends, or its job has closed that.
        self.has_hung_up = False

    @property
    def is_dead(self) -> bool:
        """Whether it has ended; a process that its job left behind may still hold the pipe open."""
        if self._ended is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            self._ended = Outcome(0.0, usage.ru_maxrss, status) if pid else None
        return self._ended is not None

    def order(self, offset: int) -> None:
        """Let the host run the job whose line begins at `offset`."""
        try:
            os.write(self._orders, ORDER.pack(offset))
        except BrokenPipeError:
            pass  # it has died, as its answer will tell

    def answer(self) -> tuple[Outcome, Orphans] | None:
        """Return how the job ended, and what it left behind; None when nothing says so.

        Then its exit status will.
        """
        try:
            data = os.read(self.answers, ANSWER.size)
        except BlockingIOError:
            return None
        if len(data) < ANSWER.size:
            self.has_hung_up = True
            return None
        values = ANSWER.unpack(data)
        return Outcome(*values[:3]), Orphans(*values[3:])

    def signal(self, number: int) -> None:
        """Send a signal to the job and all its processes, and to the host unless it takes no notice (fork)."""
        for target in (os.killpg, os.kill):
            try:
                target(self.pid, number)
                return
            except (ProcessLookupError, PermissionError):
                continue  # it has not made its group yet, is gone, or has become another user's (sudo)

    def warn(self) -> None:
        """Have the job call `checkpoint`; its own processes hear nothing of it."""
        try:
            os.kill(self.pid, signal.SIGUSR2)
        except (ProcessLookupError, PermissionError):
            pass  # it is gone, as its answer will tell, or another user's

    def close(self, patience: float) -> Outcome:
        """End the host, which does it at once unless a job runs, or has left what has to end; return how it ended.

        It is killed after `patience` seconds.
        """
        os.close(self._orders)
        os.close(self.answers)
        deadline, pause = time.monotonic() + patience, 0.0005
        while not self.is_dead:
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
        assert self._ended is not None
        return self._ended


def _be_host(run: Run, spec: RunSpec, staging: str, board: Board, orders: int, answers: int, worker: int) -> NoReturn:
    status = 70  # EX_SOFTWARE, should anything below fail
    try:
        _set_up(may_fork=spec.isolation in ("auto", "fork"))
        disown_exit_functions()
        prctl, flush = load_prctl(), load_fflush()  # before ctypes may be a file beside the job module
        die_with_parent(prctl, worker)
        adopt_orphans(prctl)
        jobs = open_jobs(spec)
        gc.freeze()  # else each child's first collection would copy what the job module made
        if spec.isolation == "fork":
            disown_exit_functions()
        server = _Server(run, spec, jobs, staging, board, prctl, flush)
        if hasattr(jobs, "checkpoint"):
            signal.signal(signal.SIGUSR2, server.checkpoint)
        status = server.serve(orders, answers)
        if spec.isolation == "none":
            run_exit_functions(board.wait_for)
            flush()
    except (JorError, OSError) as error:
        board.tell(str(error))
        status = CANNOT_LOAD
    finally:
        os._exit(status)


def _set_up(*, may_fork: bool) -> None:
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # until there is somebody to call
    for number in (*STOPPING, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if may_fork:
        # They are for the jobs, which share the host's process group, and not for the host.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        # Line by line, so that a job that crashes leaves its last words in the log.
        getattr(stream, "reconfigure", lambda **_: None)(line_buffering=True)


def open_jobs(spec: RunSpec) -> JobsBase:
    """Return the object `Jobs` of a submission."""
    from .loading import make_for_good  # 15 ms, a third of a worker's start: not wanted before the job module loads

    return make_for_good(spec.jobmodule, spec.jobargs, spec.path_prefix, spec.seed, os.getcwd())


class _Server:
    def __init__(
        self,
        run: Run,
        spec: RunSpec,
        jobs: JobsBase,
        staging: str,
        board: Board,
        prctl: PrCtl,
        flush_c_streams: Callable[[], object],
    ) -> None:
        self._pid = os.getpid()
        self._jobs = jobs
        self._board = board
        self._prctl = prctl
        self._isolation = spec.isolation
        self._ends = spec.isolation != "none"
        self._folder = jobs._jor_folder()
        self._staging = staging
        self._atomic = spec.atomic_output
        self._planned = regular(run.jobs, os.O_RDONLY)
        #: Jobs by the place of their line: index, final path, path to write at; or why it is not to be run.
        self._known: dict[int, tuple[int, str, str] | str] = {}
        self._reaper = Reaper()
        #: The process that runs a job at this moment, 0 if that is this one; and which job.
        self._child = 0
        self._index = 0
        #: Whether SIGUSR2 came while the process for which it was meant was being made.
        self._is_owed = False
        self._flush_c_streams = flush_c_streams
        #: Which files are open before a job begins.
        self._open = list_open()

    def checkpoint(self, number: int, _frame: FrameType | None) -> None:
        """Have the running job save what it has: the answer to SIGUSR2."""
        if self._child:
            try:
                os.kill(self._child, number)
            except ProcessLookupError:
                pass  # it has ended
        elif self._jobs._running is not None:
            self._jobs.checkpoint(self._index)  # this handler is set where there is one
        else:
            self._is_owed = True

    def serve(self, orders: int, answers: int) -> int:
        """Run what is ordered until the worker is gone, or this process can run no more; return its exit status."""
        files = _files(orders, answers, self._planned)
        while True:
            order = os.read(orders, ORDER.size)
            if len(order) < ORDER.size:
                return 0
            (offset,) = ORDER.unpack(order)
            if offset not in self._known:
                self._read_block(offset)
                self._look_for_threads()
            job = self._known[offset]
            self._board.began = time.monotonic()
            seconds, ru_maxrss, waited = self._refuse(job) if isinstance(job, str) else self._run(job)
            has_left = has_children()
            if has_left and not waited and self._is_written_by_others(job):
                waited = 1 << 8
            if self._isolation == "spawn" or files != _files(orders, answers, self._planned):
                return waited >> 8  # this process ran the job, or refused it; what that left is the worker's now
            if has_left:
                self._board.left_running = running(children() - self._reaper.spared)
            orphans = self._reaper.kill() if has_left else (0, 0)
            os.write(answers, ANSWER.pack(seconds, ru_maxrss, waited, *orphans))

    def _is_written_by_others(self, job: tuple[int, str, str] | str) -> bool:
        """Tell, and say so, whether a process that the job has left running has its output open for writing."""
        writer = writer_of(descendants() - self._reaper.spared, *job[1:])
        if writer:
            self._board.tell(f"its output is still open for writing in {writer}, which it left running: {_END}")
        return bool(writer)

    def _look_for_threads(self) -> None:
        """With auto, find out whether it is still safe to fork, and get ready for that or for running a job here."""
        if self._isolation != "auto":
            return
        self._board.threads = lost_threads()
        if self._board.threads:
            self._isolation = "spawn"
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        else:
            disown_exit_functions()

    def _run(self, job: tuple[int, str, str]) -> tuple[float, int, int]:
        return self._run_forked(job) if self._isolation in ("auto", "fork") else self._run_here(job)

    def _run_forked(self, job: tuple[int, str, str]) -> tuple[float, int, int]:
        began = time.monotonic()
        self._index = job[0]
        try:
            pid = fork(lambda: self._board.stop)
        except ForkError as error:
            return self._refuse(error.what)
        if pid == 0:
            status = 70  # EX_SOFTWARE, should anything below fail
            try:
                die_with_parent(self._prctl, self._pid)
                _signal.pthread_sigmask(_SIG_SETMASK, ())
                # A signal that came before this process was there has not reached it.
                if not self._board.stop:
                    status = self._perform(job)
            finally:
                os._exit(status)
        self._child = pid
        if self._is_owed:
            self._is_owed = False
            self.checkpoint(signal.SIGUSR2, None)
        _, waited, usage = os.wait4(pid, 0)
        self._child = 0
        return time.monotonic() - began, usage.ru_maxrss, waited

    def _run_here(self, job: tuple[int, str, str]) -> tuple[float, int, int]:
        began = time.monotonic()
        self._index = job[0]
        self._open = list_open()  # a job before it may have opened others, which stay open
        status = self._perform(job)
        if os.getpid() != self._pid:
            os._exit(status)  # the job has forked itself: this is not the host
        # The largest that this process has had so far: what jobs share cannot be told apart.
        ru_maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return time.monotonic() - began, ru_maxrss, status << 8  # as wait(2) has it

    def _perform(self, job: tuple[int, str, str]) -> int:
        threads = frozenset() if self._ends else running_threads()
        process = JobProcess(
            self._board, self._staging, self._open, self._ends, self._flush_c_streams, threads, os.getpid()
        )
        return perform(self._jobs, *job, process)

    def _refuse(self, reason: str) -> tuple[float, int, int]:
        self._board.tell(reason)
        return 0.0, 0, 1 << 8

    def _read_block(self, offset: int) -> None:
        """Read the job at `offset` and some that follow, and hold them against what the job module lists now.

        Many at a time: between two forks, the memory that this touches would have to be copied for each job.
        """
        self._known.clear()
        for place, line in _lines(self._planned, offset):
            job = thaw(line)
            final = os.path.join(self._folder, job.output)
            path = staged(self._staging, final) if self._atomic else final
            try:
                require_unchanged(self._jobs, job)
                self._known[place] = (job.index, final, path)
            except JobModuleError as error:
                self._known[place] = str(error)


def _files(*descriptors: int) -> list[tuple[int, int]]:
    """Return which files are open as these descriptors; none for one that is closed."""
    try:
        return [(status.st_dev, status.st_ino) for status in map(os.fstat, descriptors)]
    except OSError:
        return []


def _lines(fd: int, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines that begin at `offset` and within a block after it, each with its place."""
    data = os.pread(fd, _BLOCK, offset)
    while b"\n" not in data:
        more = os.pread(fd, _BLOCK, offset + len(data))
        if not more:
            raise OSError("jobs.jsonl ends within a job")
        data += more
    for line in data[: data.rindex(b"\n") + 1].splitlines(keepends=True):
        yield offset, line
        offset += len(line)
