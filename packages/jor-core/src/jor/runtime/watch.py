"""What may end a run before its jobs are done: a signal, or the death of the command that feeds a worker."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType
from typing import Any

#: Signals that ask a run to stop.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Watch:
    """Sleeps until something happens: a child ends, a signal comes, the feed hangs up, there is something to read.

    `stopped_by` is the number of the signal that asked to stop, `hurried` tells that another came after it;
    `abandoned` tells that the command that holds the other end of `feed` is dead.
    """

    def __init__(self, feed: int | None = None) -> None:
        self.stopped_by: int | None = None
        self.hurried = False
        self.abandoned = False
        self._feed = feed
        self._wakeup, write_end = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        self._before: dict[int, Any] = {signal.SIGCHLD: signal.signal(signal.SIGCHLD, _note)}
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
                self._before[number] = signal.signal(number, self._stop)
        self._poll = select.poll()
        self._poll.register(self._wakeup, select.POLLIN)
        if feed is not None:
            self._poll.register(feed, 0)  # POLLHUP is always told

    @property
    def stopping(self) -> bool:
        """Whether the run is to stop."""
        return self.stopped_by is not None or self.abandoned

    def sleep(self, seconds: float | None = None, reading: int | None = None) -> bool:
        """Sleep until something happens, at most `seconds`; tell whether `reading` has something to read."""
        if reading is not None:
            self._poll.register(reading, select.POLLIN)
        events = self._poll.poll(None if seconds is None else max(seconds, 0) * 1000)
        if reading is not None:
            self._poll.unregister(reading)
            if reading == self._feed:
                self._poll.register(reading, 0)
        readable = False
        for fd, event in events:
            if fd == self._wakeup:
                _drain(fd)
            if fd == reading:
                readable = True
            if fd == self._feed and event & select.POLLHUP and not event & select.POLLIN:
                self.abandoned = True
                self._poll.unregister(fd)
                self._feed = None
        return readable

    def close(self) -> None:
        """Give signals back to who had them before."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.hurried = self.stopped_by is not None
        self.stopped_by = self.stopped_by or number


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a handler of Python is needed for the wake-up, no more."""


def _drain(fd: int) -> None:
    try:
        os.read(fd, 4096)
    except BlockingIOError:
        pass  # another wake-up has taken it
