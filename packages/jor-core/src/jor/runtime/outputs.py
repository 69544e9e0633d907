"""Which outputs exist: one directory read a folder, however many jobs.

A stat a job would cost a million round trips on a network file system, and may be answered from a stale
cache there; reading the directory is not (nfs(5), "Directory entry caching").
"""

from __future__ import annotations

import os
from itertools import chain, islice
from typing import Any, Iterable, Iterator

from ..errors import JobModuleError
from .run_folder import RECORDS

#: How many names are looked at together: claimed one by one, a million take several times as long.
PART = 1000


class Listing:
    """The names of the files in one output folder, ticked off as jobs claim them.

    Names are relative to the folder; a name may lie in a subfolder, which is then read as well, once.
    A dangling link, a folder, a pipe is no output.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        #: The names that were found, and those of them that no job has claimed.
        self._found: list[str] = []
        self._unclaimed: set[str] = set()
        #: As many of those found as had to be looked up; only where something is absent, for they take memory.
        self._known: set[str] = set()
        #: The names of outputs that do not exist, and that jobs have claimed.
        self._absent: set[str] = set()
        self._read: set[str] = set()
        self._read_folder("")

    def claim(self, parts: Iterable[list[str]]) -> list[int]:
        """Let jobs 0, 1, 2 ... claim their names, which come in lists.

        Return the indices of those whose output does not exist, ascending. Raise JobModuleError for two jobs with one
        name and for a name that is not a file inside the folder.
        """
        unclaimed = self._unclaimed
        absent: list[int] = []
        first = 0
        for some in parts:
            left = len(unclaimed) - len(some)
            if unclaimed.issuperset(some):  # the usual case, and quick
                unclaimed.difference_update(some)
                if len(unclaimed) > left:
                    twice = next(i for i, name in enumerate(some) if name in some[:i])
                    raise self._claimed_twice(some[twice], first + twice)
            else:
                absent += [i for i, name in enumerate(some, first) if not self._claim(name, i)]
            first += len(some)
        return absent

    @property
    def subfolders(self) -> frozenset[str]:
        """The subfolders in which outputs lie, or are to lie, as far as jobs have claimed theirs."""
        return frozenset(self._read - {""})

    def unclaimed(self) -> list[str]:
        """Return the names of files that lie beside the outputs and are none, as far as jobs have claimed theirs."""
        return list(self._unclaimed)

    def has(self, name: str) -> bool:
        """Tell whether there is a file with this name; not to be asked of a name that a job has claimed."""
        subfolder = os.path.dirname(name)
        if subfolder not in self._read:
            self._read_folder(subfolder)
        return name in self._unclaimed

    def _claim(self, name: str, index: int) -> bool:
        """Claim a name; tell whether its file exists."""
        if name in self._unclaimed or self.has(_fit(name, index)):
            self._unclaimed.remove(name)
            return True
        if name in self._absent or self._was_found(name):
            raise self._claimed_twice(name, index)
        self._absent.add(name)
        return False

    def _was_found(self, name: str) -> bool:
        if len(self._known) < len(self._found):
            self._known.update(self._found[len(self._known) :])
        return name in self._known

    def _claimed_twice(self, name: str, index: int) -> JobModuleError:
        return JobModuleError(
            f"two jobs have the same output {os.path.join(self.folder, name)!r}; the second is job {index}",
            remedy="Let _get_output_fname tell apart the jobs of an entry; if they are of two entries, "
            "give each class Jobs a name of its own, or set self.name by the arguments",
        )

    def _read_folder(self, subfolder: str) -> None:
        self._read.add(subfolder)
        try:
            with os.scandir(os.path.join(self.folder, subfolder)) as entries:
                names = [entry.name for entry in entries if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return  # nothing has been written there yet
        if subfolder:
            names = [f"{subfolder}/{name}" for name in names]
        self._found += names
        self._unclaimed.update(names)


def output_name(jobs: Any, index: int) -> str:
    """Return the output name of job `index`. Raise JobModuleError, with the reason, when there is none."""
    try:
        with jobs._jor_modules:
            return os.fsdecode(jobs._get_output_fname(**jobs._jobs[index]))
    except JobModuleError:
        raise
    except Exception as error:
        raise _no_name(jobs, index, error) from error


def output_names(jobs: Any) -> Iterator[str]:
    """Yield the output names of all jobs in order. Raise JobModuleError, with the reason, at the first without."""
    return chain.from_iterable(names_in_parts(jobs))


def names_in_parts(jobs: Any) -> Iterator[list[str]]:
    """Yield the output names of all jobs as `output_names` does, but in lists: PART names in each but the last."""
    first = 0
    try:
        with jobs._jor_modules:
            rest = iter(jobs._jobs)
        while names := _next_names(jobs, first, rest):
            yield names
            first += len(names)
    except JobModuleError:
        raise
    except Exception as error:
        where = f", after its first {first:,} jobs" if first else ""
        raise JobModuleError(
            f"_jobs raised {type(error).__name__}: {error}{where}",
            remedy="Mend the sequence that _mk_jobs makes",
        ) from error


def _next_names(jobs: Any, first: int, rest: Iterator[Any]) -> list[str]:
    """Return the names of the next PART jobs of `rest`, of which the first has the index `first`."""
    get_name = jobs._get_output_fname
    with jobs._jor_modules:
        some = list(islice(rest, PART))
        try:
            names = [get_name(**job) for job in some]
            if {str}.issuperset(map(type, names)):
                return names
        except Exception:  # whatever the user's method raises: made one by one, names tell for which job, and why
            pass
        return [output_name(jobs, index) for index in range(first, first + len(some))]


def each_job(jobs: Any) -> Iterator[Any]:
    """Yield the parameters of each job in order; whoever has read the names has seen that this can be done."""
    with jobs._jor_modules:
        rest = iter(jobs._jobs)
    while True:
        with jobs._jor_modules:
            some = list(islice(rest, PART))
        if not some:
            return
        yield from some


def absent_outputs(jobs: Any, listing: Listing) -> list[int]:
    """Return the indices of the jobs whose output is not in `listing`, ascending, claiming all names."""
    return listing.claim(names_in_parts(jobs))


def _no_name(jobs: Any, index: int, error: Exception) -> JobModuleError:
    said = f"{type(error).__name__}: {error}"
    try:
        job = jobs._jobs[index]
    except Exception:
        return JobModuleError(f"_jobs[{index}] raised {said}", remedy="Mend the sequence that _mk_jobs makes")
    if not hasattr(job, "keys") or not all(isinstance(key, str) for key in job):
        return JobModuleError(
            f"_jobs[{index}] is {job!r:.100}, not a dictionary from parameter names to values",
            remedy="Let _mk_jobs set self._jobs to a list of dictionaries, or to jor.grid(...)",
        )
    return JobModuleError(
        f"_get_output_fname failed for job {index}, {dict(job)!r:.200}: {said}",
        remedy=f"Let it return a name for these arguments: def _get_output_fname(self, {', '.join(job)})",
    )


def _fit(name: str, index: int) -> str:
    """Return `name` if it can be a file inside the output folder; else raise JobModuleError."""
    parts = name.split("/")
    wrong = None
    if not name or "\0" in name:
        wrong = "is no file name"
    elif name.startswith("/") or ".." in parts or "." in parts or "" in parts:
        wrong = "does not lie inside the output folder"
    elif parts[0] == RECORDS:
        wrong = "is a name that jor keeps for itself"
    elif max(len(os.fsencode(part)) for part in parts) > 255:
        wrong = "is longer than the 255 bytes that file systems allow"
    if wrong:
        raise JobModuleError(
            f"the output of job {index}, {name!r:.300}, {wrong}",
            remedy="Let _get_output_fname return a file name, and _get_output_folder the folder",
        )
    return name
