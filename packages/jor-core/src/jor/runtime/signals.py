"""What may end a run before its jobs are done: a signal, or the death of the command that feeds a worker."""

from __future__ import annotations

import os
import select
import signal
import time
from types import FrameType
from typing import Any, Collection

#: Signals that ask a run to stop.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Watch:
    """Sleeps until something happens: a child ends, a signal comes, the feed hangs up, there is something to read.

    `stopped_by` is the number of the signal that asked to stop, `hurried` tells that another came after it;
    `abandoned` tells that the command that holds the other end of `feed` is dead; `warned`, that SIGUSR2 has come.
    """

    def __init__(self, feed: int | None = None) -> None:
        self.stopped_by: int | None = None
        #: When that was, by time.monotonic().
        self.stopped_at: float | None = None
        self.hurried = False
        self.warned = False
        self.abandoned = False
        self._feed = feed
        self._wakeup, self._write_end = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._write_end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._before: dict[int, Any] = {signal.SIGCHLD: signal.signal(signal.SIGCHLD, _note)}
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
                self._before[number] = signal.signal(number, self._stop)
        self._before[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, self._warn)
        self._poll = select.poll()
        self._poll.register(self._wakeup, select.POLLIN)
        if feed is not None:
            self._poll.register(feed, 0)  # POLLHUP is always told

    @property
    def stopping(self) -> bool:
        """Whether the run is to stop."""
        return self.stopped_by is not None or self.abandoned

    def sleep(self, seconds: float | None = None, reading: Collection[int] = ()) -> frozenset[int]:
        """Sleep until something happens, at most `seconds`; return those of `reading` that have something to read."""
        for fd in reading:
            self._poll.register(fd, select.POLLIN)
        events = self._poll.poll(None if seconds is None else max(seconds, 0) * 1000)
        for fd in reading:
            self._poll.unregister(fd)
            if fd == self._feed:
                self._poll.register(fd, 0)
        for fd, event in events:
            if fd == self._wakeup:
                _drain(fd)
            if fd == self._feed and event & select.POLLHUP:  # though there may be jobs in it: they are not its any more
                self.abandoned = True
                self._poll.unregister(fd)
                self._feed = None
        return frozenset(fd for fd, _ in events).intersection(reading)

    def close(self) -> None:
        """Give signals back to who had them before."""
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._wakeup)
        os.close(self._write_end)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.hurried = self.stopped_by is not None
        self.stopped_by = self.stopped_by or number
        self.stopped_at = self.stopped_at or time.monotonic()

    def _warn(self, _number: int, _frame: FrameType | None) -> None:
        self.warned = True


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a handler of Python is needed for the wake-up, no more."""


def _drain(fd: int) -> None:
    try:
        os.read(fd, 4096)
    except BlockingIOError:
        pass  # another wake-up has taken it
