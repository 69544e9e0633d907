"""From the file of a job module to an object `Jobs`, or to the reason why there is none."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, redirect_stdout
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any, Callable, Iterator, Mapping

from ..errors import JobModuleError, MissingModuleError, nearest
from . import jobargs, seeds
from .job_list import check_job_list
from .jobs import JobsBase
from .odd_modules import module_name
from .own_modules import OwnModules, enter_for_good, folders_of

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
    """Load each job module once, and let those of one place have their own modules.

    To load files again, which may have been edited since, make another.
    """

    def __init__(self) -> None:
        self._classes: dict[str, type[JobsBase]] = {}
        self._modules: dict[tuple[str, ...], OwnModules] = {}

    def make(self, jobmodule: str, arguments: str, path_prefix: str, seed: int = 0) -> JobsBase:
        """Return the object `Jobs` of a job module. Raise JobModuleError.

        `arguments` are text, as in jobargs.
        """
        return construct(self.load(jobmodule), jobargs.parse(arguments), path_prefix, jobmodule, seed)

    def load(self, path: str) -> type[JobsBase]:
        """Return the class `Jobs` of a job module. Raise JobModuleError if there is none."""
        path = os.path.abspath(path)
        if path not in self._classes:
            folders = tuple(folders_of(path))
            modules = self._modules.setdefault(folders, OwnModules(folders))
            with _undisturbed(), modules.read_again():
                cls = _jobs_class(_execute(path, modules.add), path)
            cls._jor_modules = modules
            self._classes[path] = cls
        return self._classes[path]


def make_for_good(jobmodule: str, arguments: str, path_prefix: str, seed: int, directory: str = "") -> JobsBase:
    """Return the same where its jobs run: this process has no other job module, and what lies beside it comes first.

    Relative paths of outputs are made absolute in `directory`, if one is given.
    """
    path = os.path.abspath(jobmodule)
    with _undisturbed():
        enter_for_good(path)
        cls = _jobs_class(_execute(path, sys.modules.__setitem__), path)
    if directory:
        cls._jor_directory = directory
    return construct(cls, jobargs.parse(arguments), path_prefix, jobmodule, seed)


def construct(
    cls: type[JobsBase], arguments: Mapping[str, Any], path_prefix: str, path: str, seed: int = 0
) -> JobsBase:
    """Return `cls(**arguments, path_prefix=path_prefix)` with a checked list of jobs.

    `path` is the job module's, for messages.
    """
    with _undisturbed(), cls._jor_modules:
        try:
            jobs = cls.__new__(cls, **arguments, path_prefix=path_prefix)
            # Before the constructor, which may ask for random numbers, and may change what it was given.
            jobs._jor_seed, jobs._jor_given = seed, seeds.given_to(None, (), arguments)
            cls.__init__(jobs, **arguments, path_prefix=path_prefix)
            jobs._jobs  # noqa: B018 # made now if the constructor has not: its errors belong here
        except JobModuleError as error:
            raise JobModuleError(error.what, where=error.where or path, remedy=error.remedy) from error
        except (Exception, SystemExit) as error:
            raise _not_constructed(cls, arguments, path, error) from error
        check_job_list(jobs, path)
        _check_seeds(jobs, path)
    return jobs


class _Loader(SourceFileLoader):
    """Loads a job module without leaving a compiled copy beside it: `--dry-run` and `status` write nothing."""

    def set_data(self, *_: Any, **__: Any) -> None:
        """Write nothing."""


def _execute(path: str, add: Callable[[str, ModuleType], None]) -> ModuleType:
    """Return the module of the file `path`, which `add` enters under its name while it is executed."""
    name = module_name(path)
    module = sys.modules.get(name)
    if module is not None and getattr(module, "__file__", None) == path:
        return module  # another job module has imported it
    spec = spec_from_file_location(name, path, loader=_Loader(name, path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    add(name, module)
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
    if not (isinstance(cls, type) and issubclass(cls, JobsBase) and cls is not JobsBase):
        raise JobModuleError(
            "Jobs is not derived from jor.JobsBase", where=path, remedy="Write: class Jobs(jor.JobsBase):"
        )
    return cls


def _not_loaded(path: str, error: BaseException) -> JobModuleError:
    if isinstance(error, SyntaxError) and error.filename == path:
        text = f": {error.text.strip()}" if error.text else ""
        remedy = f"Fix the syntax, or run it by another Python than {sys.version.split()[0]}"
        return JobModuleError(f"{error.msg}{text}", where=f"{path}:{error.lineno}", remedy=remedy)
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return MissingModuleError(
            f"loading it raised {_said(error)}",
            where=_place(error, path),
            remedy=f"Install {package} in {sys.prefix}, correct the import, or set sif or condaenv to what has it",
        )
    remedy = "Mend the job module: it has to load by `import`"
    return JobModuleError(f"loading it raised {_said(error)}", where=_place(error, path), remedy=remedy)


def _not_constructed(
    cls: Callable[..., object], arguments: Mapping[str, Any], path: str, error: BaseException
) -> JobModuleError:
    import inspect  # 10 ms, paid only where something is wrong

    # Not of the class: where that has __new__ as well, older Pythons tell the parameters of that.
    parameters = dict([*inspect.signature(cls.__init__).parameters.items()][1:])
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
