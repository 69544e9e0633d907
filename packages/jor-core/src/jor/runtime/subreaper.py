"""What Linux offers to let no process outlive its purpose; elsewhere process groups have to do."""

from __future__ import annotations

import os
import signal
import sys
from typing import Callable

PrCtl = Callable[[int, int], object]

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
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


def kill_descendants(spared: frozenset[int]) -> int:
    """Kill all processes that were adopted from a job that has ended; return how many there were.

    Needs `adopt_orphans`. The children `spared`, which the worker had before its first job, live on.
    """
    killed = 0
    while True:
        victims = children() - spared
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        for pid in victims:
            os.waitpid(pid, 0)
        if not victims:
            return killed
        killed += len(victims)  # and again: their own children are ours now


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
