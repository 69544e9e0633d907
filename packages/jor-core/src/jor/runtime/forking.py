"""Forks: whether one would lose threads that the process needs, and one that waits until there is room for it."""

from __future__ import annotations

import errno
import os
import sys
import time
import warnings
from collections import Counter
from typing import Callable

from ..errors import JorError

#: Native threads without which a forked process works all the same: how their names begin (15 bytes are kept).
SURVIVORS = (
    # frees memory in the background; jemalloc is made for forks (pandas, pyarrow, polars)
    "jemalloc_bg_thd",
    # deletes what polars has written to the disk; no query waits for it
    "polars-ooc",
)
#: What a thread is called that has no name of its own, but the program's.
_UNNAMED = "unnamed"
#: Seconds after which threads are looked at again: one that was joined may be seen for a moment.
_LOOKS = (0.0, 0.01, 0.05, 0.2)
#: Most names that a message tells.
_MOST_NAMES = 6

#: Seconds for which a fork is tried again that fails because there are too many processes, or too little memory.
PATIENCE = 30.0
#: Seconds between two of these.
_PAUSE = 0.1
#: What ends by itself (fork(2)).
PASSING = (errno.EAGAIN, errno.ENOMEM)


#: What libraries read to learn how many threads they may start.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class ForkError(JorError):
    """No process could be started, though it was tried for a while."""


def fork(stops: Callable[[], object]) -> int:
    """Fork. While there is no room for one more process, wait for it, until `stops` is true. Raise ForkError."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return os.fork()
        except OSError as error:
            if error.errno not in PASSING or time.monotonic() > deadline or stops():
                raise ForkError(f"no process could be started for it: {error.strerror}") from error
        time.sleep(_PAUSE)


def limit_threads(cpus: int) -> None:
    """Let libraries that are loaded from now on start no more threads than that, unless the user has said how many."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(cpus))


def lost_threads() -> str:
    """Return the names of threads that a fork would lose, and that its child may wait for; "" for none."""
    names = _python_threads() + _declared()
    if names:
        return _listed(names)
    for pause in _LOOKS:
        time.sleep(pause)
        names = _native_threads()
        if not names:
            return ""
    return _listed(names)


def _python_threads() -> list[str]:
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    mine = threading.get_ident()
    return [thread.name for thread in threading.enumerate() if thread.ident != mine]


def _declared() -> list[str]:
    """Return what libraries say of themselves: GNU's OpenMP, as numba uses it, ends a forked process that uses it."""
    layer = getattr(sys.modules.get("numba.np.ufunc.parallel"), "_threading_layer", None)
    return ["OpenMP of numba"] if layer == "omp" else []


def _native_threads() -> list[str]:
    names = _other_names()
    if _UNNAMED in names:
        # OpenBLAS is made for forks: before one it ends its threads (pthread_atfork(3)), to start them when needed.
        _fork_and_end()
        names = _other_names()
    return names


def _other_names() -> list[str]:
    """Return the names of this process's other threads but the survivors; [] where the system does not tell."""
    try:
        me = os.readlink("/proc/self")  # not getpid: /proc may be that of another PID namespace
        tasks = set(os.listdir("/proc/self/task")) - {me}
        program = _name(me)
    except OSError:
        return []
    names = [name for name in map(_name, tasks) if not name.startswith(SURVIVORS)]
    return [_UNNAMED if name == program else name for name in names if name]


def _name(task: str) -> str:
    try:
        with open(f"/proc/self/task/{task}/comm", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""  # it has ended


def _fork_and_end() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of each fork of a process with threads
        try:
            pid = os.fork()
        except OSError:
            return  # then these threads count
    if pid == 0:
        os._exit(0)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # a thread of the job module has waited for it


def _listed(names: list[str]) -> str:
    counts = sorted(Counter(names).items())
    listed = [name if count == 1 else f"{name} ({count})" for name, count in counts]
    more = len(listed) - _MOST_NAMES
    return ", ".join([*listed[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])])
