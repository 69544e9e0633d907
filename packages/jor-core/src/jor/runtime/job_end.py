"""The end of a job, in the process that ran it: what an interpreter does at its own end, and one look at the output.

A forked job ends by os._exit, which does none of it. The steps and their order are those of multiprocessing
(BaseProcess._bootstrap, util._exit_function) and of CPython (Py_FinalizeEx).
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import io
import os
import sys
from contextlib import suppress
from stat import S_ISREG
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Callable, Container, Iterable, Iterator

from .jobs import JobsBase

#: Where the system lists this process's open files.
_OPEN_FILES = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
#: What a module holds and owners may need while they close.
_CODE = (ModuleType, FunctionType, BuiltinFunctionType, type)


def disown_exit_functions() -> None:
    """Let this process, and those that it forks, not do at their end what was meant for the end of others.

    So jobs that are forked from it call what they have registered themselves, and nothing else.
    """
    atexit._clear()
    for finalizer in list(_finalizers()):
        finalizer.atexit = False
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        getattr(multiprocessing, "_children", set()).clear()


def run_exit_functions(waits_for: Callable[[str], None]) -> None:
    """Do what an interpreter does at its end, but for letting go of all objects.

    `waits_for` is told what may take long. What fails is printed, as the interpreter prints it.
    """
    for step in (_join_threads, _call_exit_functions, _end_multiprocessing, _shut_logging_down, _finalize):
        try:
            step(waits_for)
        except (Exception, SystemExit):
            _print_exception()


def list_open() -> list[tuple[str, int, int]]:
    """Return which files this process has open: number, inode and device of each."""
    found = []
    for fd in os.listdir(_OPEN_FILES):
        try:
            status = os.fstat(int(fd))
        except OSError:
            continue  # the listing's own
        found.append((fd, status.st_ino, status.st_dev))
    return found


def open_files(folder: str, *outputs: str) -> list[str]:
    """Return those of `outputs` that this process has open for writing, then the other files below `folder`.

    One that is mapped into memory, and shared, does not count: what is written to it is in the file.
    """
    wanted = _identities(outputs)
    mapped = _mapped()
    ours, others = [], []
    for fd in map(int, os.listdir(_OPEN_FILES)):
        try:
            if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                continue
            found = os.fstat(fd)
            if not S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) in mapped:
                continue
            if (found.st_dev, found.st_ino) in wanted:
                ours.append(wanted[found.st_dev, found.st_ino])
            elif (path := os.readlink(f"{_OPEN_FILES}/{fd}")).startswith(folder + "/"):
                others.append(path)
        except OSError:
            continue  # the listing's own, or no link to read (macOS)
    return [*ours, *others]


def writer_of(pids: Iterable[int], *outputs: str) -> str:
    """Return what to call one of these processes that has one of `outputs` open for writing, '' if none has."""
    wanted = _identities(outputs)
    for pid in pids if wanted else ():
        if any(_has_open(pid, fd, wanted) for fd in _open_in(pid)):
            return f"process {pid} ({_name(pid)})"
    return ""


def let_go(jobs: JobsBase, is_enough: Callable[[], bool]) -> None:
    """Let go of objects step by step until `is_enough`: those out of reach, the job's, the entry's modules.

    So owners close their files in their own order. The process is of no more use afterwards.
    """
    collect()
    modules = list(_modules_of(type(jobs)))
    for step in (_empty_of_data, dict.clear):
        if is_enough():
            return
        gc.unfreeze()  # else what the module made before would stay
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # the job may have put its output in their place
        vars(jobs).clear()
        for module in modules:
            step(vars(module))
        if step is dict.clear:
            with suppress(TypeError):  # a class of another layout
                jobs.__class__ = JobsBase  # the user's class may hold files
        gc.collect()


def _identities(paths: Iterable[str]) -> dict[tuple[int, int], str]:
    found = {}
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[status.st_dev, status.st_ino] = path
    return found


def _mapped() -> set[tuple[int, int]]:
    """Return device and inode of the files that are mapped into this process's memory, and shared."""
    try:
        with open("/proc/self/maps") as file:
            lines = [line.split(maxsplit=5) for line in file]
    except OSError:
        return set()
    shared = (line for line in lines if line[1].endswith("s") and line[4] != "0")
    return {(os.makedev(*(int(part, 16) for part in line[3].split(":"))), int(line[4])) for line in shared}


def _open_in(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []  # it has ended


def _has_open(pid: int, fd: str, wanted: Container[tuple[int, int]]) -> bool:
    """Tell whether a process has one of the files `wanted` open for writing under this number."""
    try:
        found = os.stat(f"/proc/{pid}/fd/{fd}")
        if (found.st_dev, found.st_ino) not in wanted:
            return False
        with open(f"/proc/{pid}/fdinfo/{fd}") as file:
            flags = next(line for line in file if line.startswith("flags:"))
        return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    except (OSError, StopIteration):
        return False  # it has just been closed


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return "ended by now"


def _modules_of(cls: type) -> Iterator[ModuleType]:
    """Yield the modules in the folder of the module that has defined `cls`."""
    home = sys.modules.get(cls.__module__)
    folder = os.path.dirname(getattr(home, "__file__", None) or "")
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if module is home or (folder and path.startswith(folder + "/") and "-packages/" not in path[len(folder) :]):
            yield module


def collect() -> None:
    """Collect what is out of reach, after writing out what files hold back: one in a cycle may lose it."""
    for kind in (io.TextIOWrapper, (io.BufferedWriter, io.BufferedRandom)):
        for one in gc.get_objects():
            if isinstance(one, kind):
                try:
                    one.flush()
                except Exception:
                    pass  # it is closed, or what it writes to
    gc.collect()


def running_threads() -> frozenset[str]:
    """Return the names of the threads that Python waits for at its end, but for those of executors that idle."""
    threading = sys.modules.get("threading")
    if threading is None:
        return frozenset()
    main = threading.main_thread()
    threads = [one for one in threading.enumerate() if not one.daemon and one is not main]
    return frozenset(one.name for one in threads if not _is_idle(one))


def _is_idle(thread: Any) -> bool:
    """Tell whether a thread is one of a concurrent.futures.ThreadPoolExecutor that waits for work."""
    work = getattr(sys.modules.get("concurrent.futures.thread"), "_threads_queues", {}).get(thread)
    frame = sys._current_frames().get(thread.ident) if work is not None and work.empty() else None
    # As it works, another function is at the top; just before and after, this one holds a piece of work.
    return frame is not None and frame.f_code.co_name == "_worker" and frame.f_locals.get("work_item") is None


def _empty_of_data(names: dict[str, Any]) -> None:
    for name in [name for name, value in names.items() if not isinstance(value, _CODE) and name[:2] != "__"]:
        del names[name]


def _join_threads(waits_for: Callable[[str], None]) -> None:
    threading = sys.modules.get("threading")
    if threading is None:
        return
    others = [one.name for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    if others:
        waits_for(f"its thread{'s' if len(others) > 1 else ''} {', '.join(others)}")
    threading._shutdown()  # executors' exit functions are called by it as well


def _call_exit_functions(waits_for: Callable[[str], None]) -> None:
    if atexit._ncallbacks():
        waits_for("an exit function (atexit)")
        atexit._run_exitfuncs()


def _end_multiprocessing(waits_for: Callable[[str], None]) -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        waits_for("a process that it has started by multiprocessing")
        util._exit_function()


def _shut_logging_down(_waits_for: Callable[[str], None]) -> None:
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.shutdown()


def _finalize(_waits_for: Callable[[str], None]) -> None:
    if _finalizers():
        sys.modules["weakref"].finalize._exitfunc()


def _finalizers() -> dict[Any, Any]:
    """Return those of weakref.finalize that there are."""
    return getattr(getattr(sys.modules.get("weakref"), "finalize", None), "_registry", {})


def _print_exception() -> None:
    try:
        sys.__excepthook__(*sys.exc_info())  # not by traceback, which may be the user's
    except Exception:
        pass  # no room for the log
