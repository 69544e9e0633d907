"""Who owns a file or folder: a process, told apart from all others past and present, and whether it still lives."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

#: Seconds between two refreshes of a file that says that its owner lives.
REFRESH_EVERY = 30.0


class Owner(NamedTuple):
    """A process: host, boot of that host (with its PID namespace), process id, start time in clock ticks.

    A process id alone is no identity: it is given again after a while, and after a reboot.
    """

    host: str
    boot: str
    pid: int
    started: int

    def __str__(self) -> str:
        return f"{self.host}~{self.boot}~{self.pid}~{self.started}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return the owner that `str()` wrote as `text`, or None when it is no such text."""
        parts = text.strip().split("~")
        if len(parts) != 4 or not parts[2].isdecimal() or not parts[3].isdecimal() or not int(parts[2]):
            return None
        return cls(parts[0], parts[1], int(parts[2]), int(parts[3]))

    @classmethod
    def current(cls) -> Owner:
        """Return the owner that this process is."""
        return cls(os.uname().nodename.replace("~", "-"), _boot(), os.getpid(), _start_time(os.getpid()) or 0)

    def is_running(self) -> bool:
        """Tell whether the process runs for certain; what cannot be seen from here counts as gone."""
        here = Owner.current()
        return (self.host, self.boot) == (here.host, here.boot) and _start_time(self.pid) == self.started

    def is_dead(self) -> bool:
        """Tell whether the process is gone for certain; what cannot be seen from here counts as alive."""
        here = Owner.current()
        if self.host != here.host:
            return False
        if self.boot.partition(".")[0] != here.boot.partition(".")[0]:
            return True  # the host has been started anew since
        if self.boot != here.boot:
            return False  # another PID namespace (a container): its process ids mean nothing here
        return _start_time(self.pid) not in (self.started, 0)


def age() -> float:
    """Return for how many seconds this process has been there, also before it became this program; 0 if not known.

    A batch script that hands over to it by exec counts.
    """
    started = _start_time(os.getpid())
    if not started:
        return 0.0
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK"))


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return f"{file.read(8)}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""  # no /proc (macOS): process ids alone have to do


def _start_time(pid: int) -> int | None:
    """Clock ticks since boot at which `pid` started (proc(5), field 22); 0 without /proc; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return _start_time_without_proc(pid)  # or it is another user's, and those are hidden (hidepid)
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _start_time_without_proc(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass  # it exists and is another user's
    return 0
