"""One job, in whichever process it runs: from its start to its exit status."""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from contextlib import suppress
from typing import Callable, NamedTuple, Sequence

from . import seeds
from .job_end import collect, let_go, list_open, open_files, run_exit_functions, running_threads
from .jobs import JobsBase
from .staging import Stamp, stamp

#: Longest error line that is kept, bytes.
MAX_ERROR = 1000
_TIME = struct.Struct("d")
_CLOSE = "close it before execute returns"
_INDEX = "execute gets the index i, and self._jobs[i] are its parameters"


class Outcome(NamedTuple):
    """How a job's process ended, as the system tells it."""

    #: Seconds from start to end, by a clock that is never set.
    seconds: float
    #: Largest resident set of the process and the children it waited for (getrusage(2), ru_maxrss).
    ru_maxrss: int
    #: The status of wait(2).
    waited: int

    @property
    def max_rss(self) -> int:
        """The largest resident set in bytes; the system counts kilobytes on Linux, bytes on macOS."""
        return self.ru_maxrss if sys.platform == "darwin" else self.ru_maxrss * 1024

    @property
    def status(self) -> int:
        """The exit status; 0 when a signal ended it."""
        return os.WEXITSTATUS(self.waited) if os.WIFEXITED(self.waited) else 0

    @property
    def signal(self) -> int:
        """The signal that ended it; 0 when none did."""
        return os.WTERMSIG(self.waited) if os.WIFSIGNALED(self.waited) else 0


class _Text:
    """A text on a Board, of at most `size` bytes; '' if there is none."""

    def __init__(self, place: int, size: int) -> None:
        self._place = place
        self._size = size

    def __get__(self, board: Board, _owner: object = None) -> str:
        length, begin = int.from_bytes(board.page[self._place : self._place + 2], "big"), self._place + 2
        return board.page[begin : begin + min(length, self._size)].decode(errors="replace")

    def __set__(self, board: Board, text: str) -> None:
        data = text.encode(errors="backslashreplace")[: self._size]
        board.page[self._place : self._place + 2 + len(data)] = len(data).to_bytes(2, "big") + data


class _Flag:
    """A yes or no on a Board."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __get__(self, board: Board, _owner: object = None) -> bool:
        return board.page[self._place] != 0

    def __set__(self, board: Board, value: bool) -> None:
        board.page[self._place] = value


class _Moment:
    """A time by time.monotonic() on a Board; 0 for none."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __get__(self, board: Board, _owner: object = None) -> float:
        return float(_TIME.unpack_from(board.page, self._place)[0])

    def __set__(self, board: Board, value: float) -> None:
        _TIME.pack_into(board.page, self._place, value)


class Board:
    """A page of memory that a worker shares with its host and jobs: what either tells the other without a pipe.

    A job may close all pipes that its process has; this page it does not know.
    """

    #: Whether a job that is about to start should not.
    stop = _Flag(0)
    #: When `execute` has returned, or called sys.exit(0), by time.monotonic(); 0 if it has not.
    returned_at = _Moment(24)
    #: Whether the job came to its own end: `execute` returned, or raised, and all that follows was done.
    ended = _Flag(2)
    #: Since when the end of a job waits.
    waits_since = _Moment(8)
    #: When the job began: its module was loaded by then.
    began = _Moment(16)
    #: The job's error.
    error = _Text(100, MAX_ERROR)
    #: What the end of a job whose `execute` has returned waits for.
    waits_for = _Text(1200, MAX_ERROR)
    #: What may explain that a job has not written its output.
    hint = _Text(2300, 700)
    #: A file beside the output that a job has left open.
    left_open = _Text(3100, 300)
    #: The threads, by name, for which the host does not fork.
    threads = _Text(3410, 300)
    #: A process that the job has left running, and that is ended: what it is called.
    left_running = _Text(3720, 100)
    #: The version of NumPy, if a job has it loaded.
    numpy = _Text(3830, 40)

    def __init__(self) -> None:
        self.page = mmap.mmap(-1, mmap.PAGESIZE)

    def begin(self) -> None:
        """Forget what was said of another job."""
        self.ended = False
        self.began = self.returned_at = 0.0
        self.error = self.waits_for = self.hint = self.left_open = self.left_running = ""

    def wait_for(self, what: str) -> None:
        """Say what the end of a job waits for, whose `execute` has returned."""
        if not self.waits_for:
            self.waits_since = time.monotonic()
        self.waits_for = what

    @property
    def waits(self) -> float:
        """For how many seconds the end of a job has been waiting; 0 if it does not."""
        return time.monotonic() - self.waits_since if self.waits_for else 0.0

    def tell(self, error: str) -> None:
        """Leave a job's error line for the worker."""
        self.error = error

    def take(self) -> str:
        """Return the error line that was left, '' for none, and forget it."""
        error, self.error = self.error, ""
        return error


class JobProcess(NamedTuple):
    """The process that runs a job."""

    board: Board
    #: The job's staging folder.
    staging: str
    #: Which files are open before the job begins: see `list_open`.
    open_before: Sequence[object]
    #: Whether the process ends with the job. One that lives on does at its own end what is to be done there.
    ends: bool
    #: Writes out what libraries in C hold back.
    flush_c_streams: Callable[[], object]
    #: The threads that are there before the job begins, where the process lives on.
    threads_before: frozenset[str]
    #: Its id: a job may fork itself.
    pid: int


def perform(jobs: JobsBase, index: int, final: str, path: str, process: JobProcess) -> int:
    """Execute job `index`, whose output belongs at `final` and is written at `path`; return the exit status.

    This is where every job runs.
    """
    board = process.board
    try:
        jobs._running, jobs._asked, jobs._lent = (jobs._jobs[index], final, path), "", {}
        seeds.begin(jobs, index, jobs._running[0])
        try:
            jobs.execute(index)
            status = 0
        except SystemExit as stop:
            status = _exit_status(stop, board)
        if status == 0 and os.getpid() == process.pid:
            board.returned_at = time.monotonic()
            if jobs._asked:
                board.hint = f": it asked for the path of {jobs._asked}, the output of another job: {_INDEX}"
            status = _end(jobs, final, path, process)
    except BaseException as error:
        status = 1
        if os.getpid() == process.pid:
            _tell(error, board)
    if os.getpid() != process.pid:
        return status  # the job has forked itself; the end of this process is not its
    for written in [path for path, before in jobs.__dict__.get("_lent", {}).items() if _is_written(path, before)]:
        name, status = os.path.basename(written), 1
        board.returned_at = board.returned_at or time.monotonic()  # so that it is kept
        board.tell(f"it has written {name}, the output of another job, which has to be made again: {_INDEX}")
        with suppress(OSError):  # of another file system: there it stays
            os.replace(written, os.path.join(process.staging, name))
    jobs._running = None
    _flush()
    board.numpy = str(getattr(sys.modules.get("numpy"), "__version__", ""))
    board.ended = True
    return status


def _end(jobs: JobsBase, final: str, path: str, process: JobProcess) -> int:
    """Bring a job to its end whose `execute` has returned; return the exit status."""
    _flush()
    if process.ends:
        run_exit_functions(process.board.wait_for)
        process.flush_c_streams()
    elif runs := sorted(running_threads() - process.threads_before):
        process.board.tell(f"it has left a thread running, {runs[0]}: join it before execute returns")
        return 1
    if list_open() == process.open_before:
        return 0  # the usual case; what follows takes ten times as long

    def left_open() -> list[str]:
        return open_files(process.staging, path, final)

    if left_open():
        if process.ends:
            let_go(jobs, lambda: not left_open())
        else:
            collect()
    for found in left_open():
        if found in (path, final):
            process.board.tell(f"its output is still open for writing in its own process {os.getpid()}: {_CLOSE}")
            return 1
        process.board.left_open = os.path.basename(found)
    return 0


def _is_written(path: str, before: Stamp) -> bool:
    """Tell whether a file was written since, in its place: one that was made again is another file."""
    now = stamp(path)
    return now is not None and now[0] == before[0] and now != before


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # closed by the job, or no room for the log; neither says anything about its output


def _exit_status(stop: SystemExit, board: Board) -> int:
    if stop.code is None or stop.code == 0:
        return 0
    if not isinstance(stop.code, int):
        print(stop.code, file=sys.stderr)  # noqa: T201 # as the interpreter would
    board.tell(f"sys.exit({stop.code!r})")
    return (stop.code & 0xFF or 1) if isinstance(stop.code, int) else 1


def _tell(error: BaseException, board: Board) -> None:
    try:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    except Exception:
        text = f"{type(error).__name__} (its message could not be made)"
    board.tell(text)
    try:
        sys.__excepthook__(*sys.exc_info())  # not by traceback, which may be the user's
    except Exception:
        pass  # no room for the log, or a message that cannot be made: the board has the error
