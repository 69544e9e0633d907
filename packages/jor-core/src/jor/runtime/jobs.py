"""`JobsBase`: what a user's class `Jobs` inherits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Collection, ContextManager, Mapping, Sequence

from ..errors import JobModuleError
from . import outputs, seeds
from .names import PLAIN, name_part
from .staging import Stamp, stamp

if TYPE_CHECKING:
    from random import Random

    import numpy
    from typing_extensions import Self

_MISSING_PARTS = {
    "_jobs": ("no list of jobs", "def _mk_jobs(self):\n      self._jobs = [dict(index=i) for i in range(3)]"),
    "path_prefix": (
        "no path_prefix",
        "def __init__(self, path_prefix='.'):\n      super().__init__(path_prefix=path_prefix)",
    ),
}


class _ModulesOfAll:
    """What a class imports where there is one job module: the modules of the process."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: Any) -> None:
        """Do nothing."""


class JobsBase:
    """A list of jobs, each a dictionary of parameters and one output file, and how to execute one.

    Derive a class `Jobs` from it and write `_mk_jobs`, which sets `self._jobs`, and `execute`. The rest has defaults:
    outputs lie in `path_prefix`/`name` and are called after their parameters.
    """

    #: Name of the jobs, and of the default output folder.
    name: str = "job"
    #: Time limit of one job, in Slurm's syntax (days-hours:minutes:seconds); used on clusters.
    time: str = "0-23:59:59"
    #: Memory of one job, in Slurm's syntax.
    mem: str = "5G"
    #: CPUs of one job; OMP_NUM_THREADS and its relatives are set to it.
    cpus_per_task: int = 1
    #: Suffix of default output names.
    output_suffix: str = "txt"
    #: False lets `execute` write at the final path, to resume from its own partial file. An output whose job
    #: has not ended well is then marked incomplete in the records, and is not done.
    atomic_output: bool = True
    #: False leaves the global generators of random, numpy.random and torch as they are when a job begins.
    seed_generators: bool = True
    #: The parameters, and arguments of the class, that alone make the random numbers of a job; None: all of them.
    seed_by: str | Sequence[str] | None = None

    _jobs: Sequence[Mapping[str, Any]]
    #: While a job runs: its parameters, its final path, and the path at which it writes.
    _running: tuple[Mapping[str, Any], str, str] | None = None
    #: The name of an output that is not there, and is not its own, whose path the running job has asked for.
    _asked: str = ""
    #: Other outputs whose paths the running job has asked for, as they were then.
    _lent: dict[str, Stamp] = {}  # noqa: RUF012 # made anew for each job
    #: While outputs are collected: indices of jobs whose output is there, and is not complete: it counts as missing.
    _left_out: Collection[int] = ()
    #: While jobs run: the working directory in which they were opened, for relative paths of outputs; else "".
    _jor_directory: str = ""
    #: To be entered while anything of the class is called: the modules that its job module has imported.
    _jor_modules: ContextManager[None] = _ModulesOfAll()
    #: What random numbers are made of, besides the parameters: the option seed, and the arguments that were given, as
    #: texts by name; None in an object that jor has not made: then they are in `_jor_arguments`.
    _jor_seed: int = 0
    _jor_given: Mapping[str, str] | None = None
    _jor_arguments: tuple[tuple[Any, ...], Mapping[str, Any]] = ((), {})
    #: Of the job that runs, or ran last: its index, and what its random numbers are made of.
    _jor_running: tuple[int, str] | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keep the arguments that are given: they decide the random numbers of jobs."""
        self = super().__new__(cls)
        self._jor_arguments = args, kwargs
        return self

    def __init__(self, path_prefix: str | os.PathLike[str] = ".") -> None:
        self.path_prefix = os.fspath(path_prefix)

    def __getattr__(self, attribute: str) -> Any:
        # Reached only for what has not been set. A class without a constructor gets its jobs here.
        if attribute not in _MISSING_PARTS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")
        if attribute == "_jobs":
            self._mk_jobs()
            if "_jobs" in self.__dict__:
                return self.__dict__["_jobs"]
        raise self._forgotten(*_MISSING_PARTS[attribute])

    def __len__(self) -> int:
        return len(self._jobs)

    def _mk_jobs(self) -> None:
        """Set `self._jobs`, a sequence of dictionaries, one a job."""
        raise self._forgotten(*_MISSING_PARTS["_jobs"])

    def _get_output_folder(self) -> str:
        """Return the folder of all outputs."""
        return self._jor_absolute(os.path.join(self.path_prefix, self.name))

    def _get_output_fname(self, **job: Any) -> str:
        """Return the file name of the output of the job with these parameters."""
        parts = [f"{key}{value if type(value) in PLAIN else name_part(key, value)}" for key, value in job.items()]
        return "_".join(parts) + f".{self.output_suffix}"

    def _get_output_path(self, **job: Any) -> str:
        """Return the path of the output of the job with these parameters.

        While that very job runs this is a staging path with the same file name; jor moves the file into place
        when the job has ended well. Nor is the path of another job's output the true one while there is no such file.
        """
        running = self._running
        if running is not None and _equal(job, running[0]):
            return running[2]
        path = os.path.join(self._jor_folder(), os.fsdecode(self._get_output_fname(**job)))
        if running is None or running[1] == running[2]:
            return path
        if path == running[1]:
            return running[2]
        folder, name = os.path.split(path)
        found = stamp(path)
        if found is not None:
            self._lent.setdefault(path, found)
        if folder != os.path.dirname(running[1]) or os.path.exists(path):
            return path
        self._asked = self._asked or name
        return os.path.join(os.path.dirname(running[2]), name)

    def _jor_folder(self) -> str:
        """Return the folder of all outputs, absolute where jobs run."""
        with self._jor_modules:
            return self._jor_absolute(os.fspath(self._get_output_folder()))

    def _jor_absolute(self, path: str) -> str:
        """Return a path that does not depend on where a job has gone to."""
        return os.path.normpath(os.path.join(self._jor_directory, path)) if self._jor_directory else path

    def execute(self, i: int) -> None:  # noqa: ARG002 # the parameter is the interface
        """Do the work of `self._jobs[i]` and write `self._get_output_path(**self._jobs[i])`."""
        raise self._forgotten(
            "no method execute",
            "def execute(self, i):\n      open(self._get_output_path(**self._jobs[i]), 'w').write('result')",
        )

    def collect(self) -> None:
        """Join all outputs into one; does nothing unless a class says how."""

    def job_seed(self, i: int) -> int:
        """Return a number of 64 bits that is job i's own, and the same each time that the job runs."""
        return seeds.integer(seeds.job_source(self, i), "job_seed", 64)

    def job_rng(self, i: int) -> Random:
        """Return a generator of job i's own random numbers, which starts afresh at each call."""
        return seeds.rng(self, i)

    def job_numpy_rng(self, i: int) -> numpy.random.Generator:
        """Return the same, one of NumPy's. Raise JobModuleError where there is no NumPy."""
        return seeds.numpy_rng(self, i)

    @property
    def output_paths(self) -> list[str]:
        """The paths of all outputs, in the order of the jobs."""
        folder = self._jor_folder()
        return [os.path.join(folder, name) for name in outputs.output_names(self)]

    @property
    def existing_outputs(self) -> list[str]:
        """The paths of the outputs that exist (during `collect`: that are complete), in the order of the jobs."""
        absent = set(self.missing_outputs)
        return [path for path in self.output_paths if path not in absent]

    @property
    def missing_outputs(self) -> list[str]:
        """The paths of the other outputs, in the order of the jobs."""
        folder = self._jor_folder()
        absent = outputs.absent_outputs(self, outputs.Listing(folder))
        unfit = sorted({*absent, *self._left_out})
        return [os.path.join(folder, outputs.output_name(self, index)) for index in unfit]

    @property
    def is_output_complete(self) -> bool:
        """Whether none is missing."""
        return not self.missing_outputs

    def _forgotten(self, what: str, remedy: str) -> JobModuleError:
        return JobModuleError(f"class {type(self).__name__} has {what}", remedy=f"Add to the class:\n    {remedy}")


def _equal(job: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two jobs are certainly the same; the quick way to know the one that runs."""
    try:
        return bool(job == other)
    except Exception:
        return False  # values that cannot be compared, such as arrays
