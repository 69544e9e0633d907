"""What may end a worker before its jobs are done: a signal, or the death of the command that started it."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType
from typing import Any, Callable

#: Signals that ask a worker to stop.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Raised inside a job that runs in the worker itself (isolation = none) when the worker is asked to stop."""


class Watch:
    """Sleeps until a child ends, a signal comes, or the feed's writing end is gone.

    `stopped_by` is the number of the signal that asked the worker to stop, `hurried` tells that another came after
    it; `abandoned` tells that the command that holds the feed's other end is dead.
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
        """Whether the worker is to stop."""
        return self.stopped_by is not None or self.abandoned

    def sleep(self, seconds: float | None = None) -> None:
        """Sleep until something happens, at most `seconds`."""
        for fd, event in self._poll.poll(None if seconds is None else max(seconds, 0) * 1000):
            if fd == self._feed:
                self.abandoned = bool(event)
                self._poll.unregister(fd)
            else:
                _drain(fd)

    def until_fed(self) -> None:
        """Sleep until the feed holds something, or the worker is to stop."""
        assert self._feed is not None
        waiting = select.poll()
        waiting.register(self._wakeup, select.POLLIN)
        waiting.register(self._feed, select.POLLIN)
        while not self.stopping:
            events = dict(waiting.poll())
            if self._feed in events:
                return
            _drain(self._wakeup)

    def close(self) -> None:
        """Give signals back to who had them before."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def forget(self) -> None:
        """In a forked child: let signals do again what they do in a fresh process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.hurried = self.stopped_by is not None
        self.stopped_by = self.stopped_by or number
        if self.in_process is not None:
            self.in_process()

    #: Called by a stopping signal while a job runs in this very process.
    in_process: Callable[[], None] | None = None


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a handler of Python is needed for the wake-up, no more."""


def _drain(fd: int) -> None:
    try:
        os.read(fd, 4096)
    except BlockingIOError:
        pass  # another wake-up has taken it
