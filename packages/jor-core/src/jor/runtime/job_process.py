"""One job, in whichever process it runs: from its start to its exit status."""

from __future__ import annotations

import mmap
import os
import struct
import sys
from typing import NamedTuple

from .jobs import JobsBase

#: Longest error line that is kept, bytes.
MAX_ERROR = 1000
#: Where in the page the time stands at which the job began, and the names of threads.
_BEGAN = struct.Struct("<d")
_BEGAN_AT, _THREADS_AT = 2048, 2056


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


class Board:
    """A page of memory that a worker shares with its host and jobs: what either tells the other without a pipe.

    A job may close all pipes that its process has; this page it does not know.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def stop(self) -> bool:
        """Whether a job that is about to start should not."""
        return self._page[0] != 0

    @stop.setter
    def stop(self, value: bool) -> None:
        self._page[0] = value

    @property
    def ended(self) -> bool:
        """Whether the job came to its own end: `execute` returned, or raised, which sys.exit does."""
        return self._page[-1] != 0

    @ended.setter
    def ended(self, value: bool) -> None:
        self._page[-1] = value

    @property
    def began(self) -> float:
        """When, by time.monotonic(), the job began: its module was loaded by then; 0 before that."""
        return float(_BEGAN.unpack_from(self._page, _BEGAN_AT)[0])

    @began.setter
    def began(self, value: float) -> None:
        _BEGAN.pack_into(self._page, _BEGAN_AT, value)

    @property
    def threads(self) -> str:
        """The names of the threads for which the host does not fork."""
        return self._read(_THREADS_AT)

    @threads.setter
    def threads(self, names: str) -> None:
        self._write(_THREADS_AT, names)

    def tell(self, error: str) -> None:
        """Leave a job's error line for the worker."""
        self._write(1, error)

    def take(self) -> str:
        """Return the error line that was left, '' for none, and forget it."""
        error = self._read(1)
        self._page[1:3] = b"\0\0"
        return error

    def _write(self, place: int, text: str) -> None:
        data = text.encode(errors="backslashreplace")[:MAX_ERROR]
        self._page[place : place + 2 + len(data)] = len(data).to_bytes(2, "big") + data

    def _read(self, place: int) -> str:
        length = int.from_bytes(self._page[place : place + 2], "big")
        return self._page[place + 2 : place + 2 + min(length, MAX_ERROR)].decode(errors="replace")


def perform(jobs: JobsBase, index: int, final: str, path: str, board: Board) -> int:
    """Execute job `index`, whose output belongs at `final` and is written at `path`; return the exit status.

    This is where every job runs.
    """
    try:
        jobs._running = (jobs._jobs[index], final, path)
        jobs.execute(index)
        status = 0
    except SystemExit as stop:
        status = _exit_status(stop, board)
    except BaseException as error:
        status = 1
        _tell(error, board)
    jobs._running = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # closed by the job, or no room for the log; neither says anything about its output
    board.ended = True
    return status


def _exit_status(stop: SystemExit, board: Board) -> int:
    if stop.code is None or stop.code == 0:
        return 0
    if not isinstance(stop.code, int):
        print(stop.code, file=sys.stderr)  # noqa: T201 # as the interpreter would
    board.tell(f"sys.exit({stop.code!r})")
    return (stop.code & 0xFF or 1) if isinstance(stop.code, int) else 1


def _tell(error: BaseException, board: Board) -> None:
    import traceback  # 5 ms, paid only by jobs that fail

    try:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    except Exception:
        text = f"{type(error).__name__} (its message could not be made)"
    board.tell(text)
    try:
        traceback.print_exc()
    except Exception:
        pass  # no room for the log, or a message that cannot be made: the board has the error
