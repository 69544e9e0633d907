"""One job: in a process of its own, from its start to what became of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Callable, NamedTuple

from .jobs import JobsBase
from .processes import PrCtl, die_with_parent, signal_group
from .records import Job, require_unchanged
from .watch import Interrupted, Watch

#: Longest error line that is kept, characters.
MAX_ERROR = 1000


class Outcome(NamedTuple):
    """How a job's process ended."""

    #: Seconds from start to end, by a clock that is never set.
    seconds: float
    #: Largest resident set of the process and the children it waited for, bytes (getrusage(2)).
    max_rss: int
    #: Exit status; 0 when a signal ended it.
    status: int
    #: The signal that ended it; 0 when none did.
    signal: int


class Report:
    """Carries a job's error line from its process to the worker: a nameless file that both hold open."""

    def __init__(self, fd: int = -1) -> None:
        self.fd = fd if fd >= 0 else _nameless_file()

    def tell(self, text: str) -> None:
        """Leave `text` for the worker."""
        os.pwrite(self.fd, text[:MAX_ERROR].encode(errors="backslashreplace"), 0)

    def take(self) -> str:
        """Return what was left, '' for nothing, and forget it."""
        text = os.pread(self.fd, 4 * MAX_ERROR, 0).decode(errors="replace")
        os.ftruncate(self.fd, 0)
        return text


def perform(jobs: JobsBase, job: Job, output: str, report: Report, watch: Watch | None = None) -> int:
    """Execute `job`, which writes at `output`; return the exit status.

    This is where every job runs, whichever process that is. With `watch` it is the worker's own, and a signal that
    asks the worker to stop interrupts the job.
    """
    try:
        require_unchanged(jobs, job)
        final = os.path.join(os.fspath(jobs._get_output_folder()), job.output)
        jobs._staged = (final, output)
        if watch is not None:
            watch.in_process = _interrupt
        jobs.execute(job.index)
        status = 0
    except SystemExit as stop:
        status = _exit_status(stop, report)
    except BaseException as error:
        status = 1
        _tell(error, report)
    finally:
        if watch is not None:
            watch.in_process = None
        jobs._staged = None
        _flush()
    return status


def run_in_child(body: Callable[[], int], watch: Watch, grace: float, prctl: PrCtl) -> Outcome:
    """Run `body` in a forked process of its own process group; wait for its end.

    When the worker is to stop, the job gets the same signal and `grace` seconds; when the command that started the
    worker is gone, it is killed at once.
    """
    worker = os.getpid()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        status = 70  # EX_SOFTWARE, should anything below fail
        try:
            os.setpgid(0, 0)
            die_with_parent(prctl, worker)
            watch.forget()
            status = body()
        finally:
            os._exit(status)
    waited, max_rss = _wait(pid, watch, grace)
    seconds = time.monotonic() - began
    if os.WIFSIGNALED(waited):
        return Outcome(seconds, max_rss, 0, os.WTERMSIG(waited))
    return Outcome(seconds, max_rss, os.WEXITSTATUS(waited), 0)


def run_here(body: Callable[[], int]) -> Outcome:
    """Run `body` in this process; its memory is the largest that this process has had so far."""
    import resource

    began = time.monotonic()
    status = body()
    return Outcome(time.monotonic() - began, _bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), status, 0)


def _wait(pid: int, watch: Watch, grace: float) -> tuple[int, int]:
    deadline = None
    while True:
        if watch.stopping:
            deadline = _stop(pid, watch, grace, deadline)
        watch.sleep(None if deadline is None else deadline - time.monotonic())
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, _bytes(usage.ru_maxrss)


def _stop(pid: int, watch: Watch, grace: float, deadline: float | None) -> float:
    """Signal the job as is due; return the time at which the next step is."""
    now = time.monotonic()
    if watch.abandoned or watch.hurried or (deadline is not None and now >= deadline):
        signal_group(pid, signal.SIGKILL)
        return now + 1
    if deadline is None:
        signal_group(pid, watch.stopped_by or signal.SIGTERM)
        signal_group(pid, signal.SIGCONT)  # a stopped process would not hear
        return now + grace
    return deadline


def _interrupt() -> None:
    raise Interrupted("the worker was asked to stop")


def _exit_status(stop: SystemExit, report: Report) -> int:
    if stop.code is None or stop.code == 0:
        return 0
    if not isinstance(stop.code, int):
        print(stop.code, file=sys.stderr)  # noqa: T201 # as the interpreter would
    report.tell(f"sys.exit({stop.code!r})")
    return (stop.code & 0xFF or 1) if isinstance(stop.code, int) else 1


def _tell(error: BaseException, report: Report) -> None:
    import traceback  # 5 ms, paid only by jobs that fail

    try:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    except Exception:
        text = f"{type(error).__name__} (its message could not be made)"
    report.tell(text)
    try:
        traceback.print_exc()
    except Exception:
        pass  # a full disk under the log, or a message that cannot be made: the report has the error


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # closed by the job, or no room for the log; neither says anything about its output


def _bytes(ru_maxrss: int) -> int:
    return ru_maxrss if sys.platform == "darwin" else ru_maxrss * 1024  # getrusage(2): kilobytes on Linux


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("jor-report")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
