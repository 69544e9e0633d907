"""From the file of a job module to an object `Jobs`, or to the reason why there is none."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, redirect_stdout
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any, Callable, Iterator, Mapping, Sequence

from ..errors import JobModuleError, MissingModuleError, nearest
from . import jobargs, seeds
from .jobs import JobsBase

#: Most jobs of an entry; planning takes about 200 bytes of memory for each.
MAX_JOBS = 100_000_000
_TEMPLATE = "See the job module in the README: a class Jobs(jor.JobsBase) with _mk_jobs and execute"


def find(jobmodule: str) -> str:
    """Return the absolute path of a job module named with or without `.py`, relative to the working directory."""
    for candidate in (jobmodule, f"{jobmodule}.py"):
        if os.path.isfile(candidate):
            return os.path.abspath(candidate)
    if os.path.isdir(jobmodule):
        raise JobModuleError("the job module is a folder", where=jobmodule, remedy="Name the Python file in it")
    folder = os.path.dirname(jobmodule) or "."
    if not os.path.isdir(folder):
        raise JobModuleError(
            f"there is no such job module: no folder {folder!r} in {os.getcwd()!r}",
            where=jobmodule,
            remedy="Correct the path: it is relative to the working directory",
        )
    files = [
        os.path.join(folder, name) if folder != "." else name for name in os.listdir(folder) if name.endswith(".py")
    ]
    if not files:
        what = f"there is no such job module: no Python file in {os.path.abspath(folder)!r}"
        raise JobModuleError(what, where=jobmodule, remedy="Write one, or let jor init make it")
    raise JobModuleError("there is no such job module", where=jobmodule, remedy=nearest(jobmodule, sorted(files)))


class ModuleLoader:
    """Load each job module once, and let it import what lies beside it.

    To load files again, which may have been edited since, make another: as that begins, it closes this one.
    """

    def __init__(self) -> None:
        self._classes: dict[str, type[JobsBase]] = {}
        #: The folder of the job module loaded last, "" if there is none, and the modules loaded before its first.
        self._folder = ""
        self._before: frozenset[str] = frozenset()

    def make(self, jobmodule: str, arguments: str, path_prefix: str, seed: int = 0) -> JobsBase:
        """Return the object `Jobs` of a job module. Raise JobModuleError.

        `arguments` are text, as in jobargs.
        """
        return construct(self.load(jobmodule), jobargs.parse(arguments), path_prefix, jobmodule, seed)

    def load(self, path: str) -> type[JobsBase]:
        """Return the class `Jobs` of a job module. Raise JobModuleError if there is none."""
        path = os.path.abspath(path)
        if path not in self._classes:
            with _undisturbed():
                self._enter(os.path.dirname(path))
                module = _execute(path, self)
            self._classes[path] = _jobs_class(module, path)
        return self._classes[path]

    def close(self) -> None:
        """Undo what loading has done to sys.path and sys.modules."""
        self._leave()
        self._classes.clear()

    def _enter(self, folder: str) -> None:
        """Let imports find what lies in `folder`, and nothing in the one before."""
        if folder != self._folder:
            self._leave()
            self._close_others()
            self._folder, self._before = folder, frozenset(sys.modules)
            sys.path.insert(0, folder)

    def _close_others(self) -> None:
        """Close the loaders of which this process has job modules still."""
        loaders = [vars(module).get("__loader__") for module in [*sys.modules.values()] if hasattr(module, "__dict__")]
        for owner in {loader.owner for loader in loaders if isinstance(loader, _Loader)} - {self}:
            owner.close()

    def _leave(self) -> None:
        folder, self._folder = self._folder, ""
        if not folder:
            return
        if folder in sys.path:  # a job module may have taken it out
            sys.path.remove(folder)
        for name in [name for name in sys.modules if name not in self._before]:
            if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == folder:
                del sys.modules[name]


def construct(
    cls: type[JobsBase], arguments: Mapping[str, Any], path_prefix: str, path: str, seed: int = 0
) -> JobsBase:
    """Return `cls(**arguments, path_prefix=path_prefix)` with a checked list of jobs.

    `path` is the job module's, for messages.
    """
    try:
        with _undisturbed():
            jobs = cls.__new__(cls, **arguments, path_prefix=path_prefix)
            # Before the constructor, which may ask for random numbers, and may change what it was given.
            jobs._jor_seed, jobs._jor_given = seed, seeds.given_to(None, (), arguments)
            cls.__init__(jobs, **arguments, path_prefix=path_prefix)
            jobs._jobs  # noqa: B018 # made now if the constructor has not: its errors belong here
    except JobModuleError as error:
        raise JobModuleError(error.what, where=error.where or path, remedy=error.remedy) from error
    except (Exception, SystemExit) as error:
        raise _not_constructed(cls, arguments, path, error) from error
    _check_jobs(jobs, path)
    _check_seeds(jobs, path)
    return jobs


class _Loader(SourceFileLoader):
    """Loads a job module without leaving a compiled copy beside it: `--dry-run` and `status` write nothing."""

    def __init__(self, name: str, path: str, owner: ModuleLoader) -> None:
        super().__init__(name, path)
        self.owner = owner

    def set_data(self, *_: Any, **__: Any) -> None:
        """Write nothing."""


def _execute(path: str, owner: ModuleLoader) -> ModuleType:
    name = os.path.splitext(os.path.basename(path))[0]
    # Under its own name helpers can import it and pickle finds it, unless the name is another module's (json.py).
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) != path:
        name = f"jor_job_module_{name}"
    spec = spec_from_file_location(name, path, loader=_Loader(name, path, owner))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _not_loaded(path, error) from error
    return module


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep what a job module prints out of the command's answer.

    Undo what it does to directory and umask, and to SIGCHLD: where that is ignored, no end of a process can be told.
    """
    directory, mask, of_children = os.getcwd(), os.umask(0), signal.getsignal(signal.SIGCHLD)
    os.umask(mask)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.chdir(directory)
        os.umask(mask)
        if signal.getsignal(signal.SIGCHLD) != of_children:
            signal.signal(signal.SIGCHLD, of_children)


def _jobs_class(module: ModuleType, path: str) -> type[JobsBase]:
    cls = getattr(module, "Jobs", None)
    if cls is None:
        classes = [name for name, value in vars(module).items() if isinstance(value, type) and value is not JobsBase]
        others = f", but {', '.join(classes)}" if classes else ""
        raise JobModuleError(f"the job module has no class Jobs{others}", where=path, remedy=_TEMPLATE)
    if not (isinstance(cls, type) and issubclass(cls, JobsBase)):
        raise JobModuleError(
            "Jobs is not derived from jor.JobsBase", where=path, remedy="Write: class Jobs(jor.JobsBase):"
        )
    return cls


def _not_loaded(path: str, error: BaseException) -> JobModuleError:
    if isinstance(error, SyntaxError) and error.filename == path:
        text = f": {error.text.strip()}" if error.text else ""
        return JobModuleError(f"{error.msg}{text}", where=f"{path}:{error.lineno}", remedy="Mend the syntax")
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return MissingModuleError(
            f"loading it raised {_said(error)}",
            where=_place(error, path),
            remedy=f"Install {package} beside jor, correct the import, or set sif or condaenv to what has {package}",
        )
    remedy = "Mend the job module: it has to load by `import`"
    return JobModuleError(f"loading it raised {_said(error)}", where=_place(error, path), remedy=remedy)


def _not_constructed(
    cls: Callable[..., object], arguments: Mapping[str, Any], path: str, error: BaseException
) -> JobModuleError:
    import inspect  # 10 ms, paid only where something is wrong

    parameters = inspect.signature(cls).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        if "path_prefix" not in parameters:
            return JobModuleError(
                "the constructor of Jobs does not take path_prefix",
                where=path,
                remedy="Write: def __init__(self, ..., path_prefix='.'): super().__init__(path_prefix=path_prefix)",
            )
        known = [name for name in parameters if name != "path_prefix"]
        for name in arguments:
            if name not in parameters:
                remedy = nearest(name, known) if known else "Leave it out: it takes none but path_prefix"
                return JobModuleError(f"the constructor of Jobs has no argument {name!r}", where=path, remedy=remedy)
    given = {*arguments, "path_prefix"}
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in given
    ]
    if missing:
        remedy = f"Give {', '.join(missing)} in jobargs, or give the constructor a default"
        return JobModuleError(f"the constructor of Jobs needs the argument {missing[0]!r}", where=path, remedy=remedy)
    return JobModuleError(
        f"the constructor of Jobs raised {_said(error)}",
        where=_place(error, path),
        remedy="Mend the constructor or its arguments (jobargs)",
    )


def _goes_on(jobs: Sequence[Any], count: int) -> bool:
    """Tell whether there is an item after the last: to iterate, which is by index then, would not end."""
    try:
        jobs[count]
    except Exception:
        return False  # IndexError is the end; anything else is told with its reason where the jobs are read
    return True


def _check_jobs(jobs: JobsBase, path: str) -> None:
    try:
        count = len(jobs._jobs)
        fit = hasattr(jobs._jobs, "__getitem__") and not isinstance(jobs._jobs, (str, bytes, Mapping))
    except Exception:
        count, fit = 0, False
    if not fit:
        raise JobModuleError(
            f"_jobs is {jobs._jobs!r:.100}, not a sequence of dictionaries",
            where=path,
            remedy="Let _mk_jobs set self._jobs to a list of dictionaries, or to jor.grid(...)",
        )
    if count > MAX_JOBS:
        raise JobModuleError(
            f"_jobs lists {count:,} jobs, more than the {MAX_JOBS:,} that can be planned",
            where=path,
            remedy="Make several entries of them, or let each job do more",
        )
    if not hasattr(jobs._jobs, "__iter__") and _goes_on(jobs._jobs, count):
        raise JobModuleError(
            f"_jobs has a length of {count:,}, and an item beyond that",
            where=path,
            remedy="Let its __getitem__ raise IndexError where it ends",
        )
    if count and not hasattr(jobs._jobs[0], "keys"):
        raise JobModuleError(
            f"_jobs[0] is {jobs._jobs[0]!r:.100}, not a dictionary from parameter names to values",
            where=path,
            remedy="Let _mk_jobs set self._jobs to a list of dictionaries, or to jor.grid(...)",
        )


def _check_seeds(jobs: JobsBase, path: str) -> None:
    try:
        seeds.check(jobs)
    except JobModuleError as error:
        raise JobModuleError(error.what, where=path, remedy=error.remedy) from error


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _place(error: BaseException, path: str) -> str:
    """Return `path` with the line in it at which `error` arose."""
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    return path if line is None else f"{path}:{line}"
