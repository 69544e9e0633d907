"""Who owns a file or folder: a process, told apart from all others past and present, and whether it still lives."""

from __future__ import annotations

import os
import time
import zlib
from typing import NamedTuple

#: Seconds between two refreshes of a file that says that its owner lives.
REFRESH_EVERY = 30.0


class Owner(NamedTuple):
    """A process: host, boot of that host, process id, start time in clock ticks.

    A process id alone is no identity: it is given again after a while, and after a reboot. Nor is the name of a host:
    laptops, virtual machines and containers share theirs. `boot` is `<machine>-<boot>.<PID namespace>`.
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
        return self._is_seen_from(Owner.current()) and _start_time(self.pid) == self.started

    def is_dead(self) -> bool:
        """Tell whether the process is gone for certain; what cannot be seen from here counts as alive.

        That of another boot cannot be: the host may have been restarted since, or be another of the same name.
        """
        return self._is_seen_from(Owner.current()) and _start_time(self.pid) not in (self.started, 0)

    def is_suspended(self) -> bool:
        """Tell whether the process runs here, and is stopped by a signal (SIGSTOP, Ctrl-Z)."""
        return self.is_running() and (_status(self.pid) or [b""])[0] in (b"T", b"t")

    def is_of_earlier_boot(self) -> bool:
        """Tell whether this machine, or a clone of it, has been restarted since."""
        here = Owner.current()
        mine, other = _parts(here.boot), _parts(self.boot)
        return bool(mine[0]) and (self.host, other[0]) == (here.host, mine[0]) and mine[1] != other[1]

    def _is_seen_from(self, here: Owner) -> bool:
        # In another PID namespace (a container) its process id means nothing here.
        return self.host == here.host and _parts(self.boot)[1:] == _parts(here.boot)[1:]


def age() -> float:
    """Return for how many seconds this process has been there, also before it became this program; 0 if not known.

    A batch script that hands over to it by exec counts.
    """
    started = _start_time(os.getpid())
    if not started:
        return 0.0
    return max(0.0, uptime() - started / os.sysconf("SC_CLK_TCK"))


def uptime() -> float:
    """Return the seconds since this machine was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return f"{_machine()}-{file.read(8)}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""  # no /proc (macOS): process ids alone have to do


def _machine() -> str:
    """Return what tells this machine from others, eight digits; "" where nothing does, in a container say."""
    try:
        with open("/etc/machine-id", "rb") as file:
            found = file.read(100).strip()
    except OSError:
        return ""
    return f"{zlib.crc32(found):08x}" if found else ""  # not as it is: machine-id(5) calls it confidential


def _parts(boot: str) -> tuple[str, str, str]:
    """Return the machine, the boot and the PID namespace that `_boot` told."""
    machine, _, rest = boot.rpartition("-")
    started, _, namespace = rest.partition(".")
    return machine, started, namespace


def _start_time(pid: int) -> int | None:
    """Clock ticks since boot at which `pid` started (proc(5), field 22); 0 without /proc; None when it is gone."""
    fields = _status(pid)
    if fields is None:
        return _start_time_without_proc(pid)  # or it is another user's, and those are hidden (hidepid)
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _status(pid: int) -> list[bytes] | None:
    """Return what /proc/PID/stat tells of a process behind its name: its state first."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _start_time_without_proc(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass  # it exists and is another user's
    return 0
