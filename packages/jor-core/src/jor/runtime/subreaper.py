"""What Linux offers to let no process outlive its purpose; elsewhere process groups have to do."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from typing import Callable, Iterable, NamedTuple

PrCtl = Callable[[int, int], object]

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
#: Seconds that a killed process may take to end: one that waits for a disk does not hear.
_DYING = 5.0
#: How multiprocessing, and loky, start what watches over semaphores and shared memory, and ends after its users.
_TRACKER = re.compile(r"(resource|semaphore)_tracker|multiprocessing\.forkserver")
_SIGKILL = int(signal.SIGKILL)  # a number for C; the enum costs a forked job twenty copied pages


def load_prctl() -> PrCtl:
    """Return the system call of that name (prctl(2)), or what does nothing where there is none."""
    if not sys.platform.startswith("linux"):
        return lambda _option, _value: None
    import ctypes  # 2 ms: not wanted before the job module loads

    function: PrCtl = ctypes.CDLL(None).prctl
    return function


def load_fflush() -> Callable[[], object]:
    """Return what writes out what libraries in C hold back in their streams (fflush(3)), as exit(3) does."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    import ctypes

    fflush = ctypes.CDLL(None).fflush
    fflush.argtypes = [ctypes.c_void_p]
    return lambda: fflush(None)


def adopt_orphans(prctl: PrCtl) -> None:
    """Let what this process's children leave behind become its own children."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(prctl: PrCtl, parent: int) -> None:
    """Let this process be killed when its parent, process `parent`, dies; at once if it has died already."""
    prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


class Orphans(NamedTuple):
    """How many processes a job has left behind: killed, and left alone because they cannot be killed."""

    killed: int
    left: int


def running(pids: Iterable[int]) -> str:
    """Return what to call one of these processes that still runs, "" for none; not those that end by themselves."""
    for pid in sorted(pids):
        command = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()  # "" of one that has ended
        if command and not _TRACKER.search(command):
            return f"process {pid} ({_read(f'/proc/{pid}/comm').strip()})"
    return ""


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


class Reaper:
    """Kills what jobs leave behind, and this process has adopted. Needs `adopt_orphans`.

    The children that it has when this is made live on, and those that cannot be killed: another user's (sudo), or one
    that waits for a disk.
    """

    def __init__(self) -> None:
        #: What lives on.
        self.spared = children()

    def kill(self, others: frozenset[int] = frozenset()) -> Orphans:
        """Kill all adopted processes but `others`; return how many there were."""
        killed = left = 0
        while True:
            there = children()
            victims = there - self.spared - others
            if not victims:
                return Orphans(killed, left)
            for pid in victims:
                _kill(pid)
            immortal = frozenset(pid for pid in victims if not _is_reaped(pid))
            self.spared = (self.spared & there) | immortal
            killed += len(victims) - len(immortal)  # and again: their own children are ours now
            left += len(immortal)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass  # another user's, or gone


def _is_reaped(pid: int) -> bool:
    """Wait until a process has ended that was killed; tell whether it has."""
    deadline = time.monotonic() + _DYING
    while True:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True  # somebody else has waited for it
        if time.monotonic() > deadline or not _is_mine(pid):
            return False
        time.sleep(0.001)


def _is_mine(pid: int) -> bool:
    """Tell whether this process may send that one a signal."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def has_children() -> bool:
    """Tell whether this process has any child, dead or alive; reaps one that has ended."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def children(parent: int = 0) -> frozenset[int]:
    """Return the process ids of the children of a process, by default of this one.

    None of one that is gone, or where the system does not tell (macOS).
    """
    pid = parent or os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return frozenset(int(pid) for pid in file.read().split())
    except OSError:
        return frozenset()


def descendants() -> frozenset[int]:
    """Return the process ids of this process's children, and of theirs."""
    found = newest = children()
    while newest:
        newest = frozenset(child for pid in newest for child in children(pid)) - found
        found |= newest
    return found
