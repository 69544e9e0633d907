"""The end of a job, in the process that ran it: what an interpreter does at its own end, and one look at the output.

A forked job ends by os._exit, which does none of it. The steps and their order are those of multiprocessing
(BaseProcess._bootstrap, util._exit_function) and of CPython (Py_FinalizeEx).
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import os
import sys
from contextlib import suppress
from stat import S_ISREG
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Callable, FrozenSet, Iterable, Iterator

from .jobs import JobsBase

#: Where the system lists this process's open files.
_OPEN_FILES = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
#: What a module holds and owners may need while they close.
_CODE = (ModuleType, FunctionType, BuiltinFunctionType, type)

#: The finalizers (weakref.finalize) that there were before a job; they are not the job's to call.
Finalizers = FrozenSet[Any]


def finalizers() -> Finalizers:
    """Return the finalizers that there are now."""
    return frozenset(_finalizers())


def disown_exit_functions() -> None:
    """Leave to the process from which this one was forked what is to be done at its end, and its children."""
    atexit._clear()
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        getattr(multiprocessing, "_children", set()).clear()


def run_exit_functions(inherited: Finalizers, waits_for: Callable[[str], None]) -> None:
    """Do what an interpreter does at its end, but for letting go of all objects.

    `inherited` finalizers are left alone. `waits_for` is told what may take long. What fails is printed, as the
    interpreter prints it.
    """
    for step in (_join_threads, _call_exit_functions, _end_multiprocessing, _shut_logging_down):
        try:
            step(waits_for)
        except (Exception, SystemExit):
            _print_exception()
    for finalizer in [one for one in _finalizers() if one not in inherited]:
        try:
            if finalizer.atexit:
                finalizer()
        except (Exception, SystemExit):
            _print_exception()


def open_files(folder: str, *outputs: str) -> list[str]:
    """Return those of `outputs` that this process has open for writing, then the other files below `folder`."""
    wanted = _identities(outputs)
    ours, others = [], []
    for fd in map(int, os.listdir(_OPEN_FILES)):
        try:
            if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                continue
            found = os.fstat(fd)
            if not S_ISREG(found.st_mode):
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
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                found = os.stat(f"/proc/{pid}/fd/{fd}")
                if (found.st_dev, found.st_ino) in wanted and _is_writing(pid, fd):
                    return f"process {pid} ({_name(pid)})"
        except OSError:
            continue  # it has ended
    return ""


def let_go(jobs: JobsBase, is_enough: Callable[[], bool]) -> None:
    """Let go of objects step by step until `is_enough`: those out of reach, the job's, the entry's modules.

    So owners close their files in their own order. The process is of no more use afterwards.
    """
    gc.collect()
    modules = list(_modules_of(type(jobs)))
    for step in (_empty_of_data, dict.clear):
        if is_enough():
            return
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


def _is_writing(pid: int, fd: str) -> bool:
    with open(f"/proc/{pid}/fdinfo/{fd}") as file:
        flags = next(line for line in file if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _name(pid: int) -> str:
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def _modules_of(cls: type) -> Iterator[ModuleType]:
    """Yield the modules in the folder of the module that has defined `cls`."""
    home = sys.modules.get(cls.__module__)
    folder = os.path.dirname(getattr(home, "__file__", None) or "")
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if module is home or (folder and path.startswith(folder + "/") and "-packages/" not in path[len(folder) :]):
            yield module


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


def _finalizers() -> list[Any]:
    """Return the finalizers of this process that are to be called at its end, the newest first, as weakref does."""
    weakref = sys.modules.get("weakref")
    registry = getattr(getattr(weakref, "finalize", None), "_registry", {})
    return [one for one, _ in sorted(registry.items(), key=lambda item: item[1].index, reverse=True)]


def _print_exception() -> None:
    import traceback  # 5 ms, paid only where something goes wrong

    try:
        traceback.print_exc()
    except Exception:
        pass  # no room for the log
