"""Which outputs exist: one directory read a folder, however many jobs.

A stat a job would cost a million round trips on a network file system, and may be answered from a stale
cache there; reading the directory is not (nfs(5), "Directory entry caching").
"""

from __future__ import annotations

import os
from itertools import islice, repeat
from typing import Any, Iterable, Iterator, TypeVar

from ..errors import JobModuleError
from .records import RECORDS

Item = TypeVar("Item")
#: How many names are looked at together. Of a million, a look at each by itself takes a quarter more time.
PART = 1000


class Listing:
    """The names of the files in one output folder, ticked off as jobs claim them.

    Names are relative to the folder; a name may lie in a subfolder, which is then read as well, once.
    A dangling link, a folder, a pipe is no output.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        # name -> has a job claimed it? Absent names are added as they are claimed, so that a second claim is seen.
        self._claimed = dict.fromkeys(self._files_in(""), False)
        self._read: set[str] = {""}

    def claim(self, names: Iterable[str]) -> list[int]:
        """Let jobs 0, 1, 2 ... claim their names; return the indices whose output does not exist, ascending.

        Raise JobModuleError for two jobs with one name and for a name that is not a file inside the folder.
        """
        claimed, absent = self._claimed, []
        for first, some in in_parts(names):
            fresh = dict.fromkeys(some, True)
            if len(fresh) == len(some) and not any(map(claimed.get, some, repeat(True))):
                claimed.update(fresh)  # all are there, and no job has claimed any of them: the usual case, and quick
            else:
                absent += [first + place for place, name in enumerate(some) if not self._claim(name, first + place)]
        return absent

    def unclaimed(self) -> list[str]:
        """Return the names of files that lie beside the outputs and are none, as far as jobs have claimed theirs."""
        return [name for name, claimed in self._claimed.items() if not claimed]

    def _claim(self, name: str, index: int) -> bool:
        """Claim a name; tell whether its file exists."""
        claimed = self._claimed.get(name)
        if claimed:
            raise JobModuleError(
                f"two jobs have the same output {os.path.join(self.folder, name)!r}; the second is job {index}",
                remedy="Let _get_output_fname tell apart the jobs of an entry; if they are of two entries, "
                "give each class Jobs a name of its own, or set self.name by the arguments",
            )
        exists = claimed is not None or self.has(_fit(name, index))
        self._claimed[name] = True
        return exists

    def has(self, name: str) -> bool:
        """Tell whether there is a file with this name; not to be asked of a name that a job has claimed."""
        subfolder = os.path.dirname(name)
        if subfolder not in self._read:
            self._read.add(subfolder)
            self._claimed.update(dict.fromkeys(self._files_in(subfolder), False))
        return name in self._claimed

    def _files_in(self, subfolder: str) -> list[str]:
        try:
            with os.scandir(os.path.join(self.folder, subfolder)) as entries:
                names = [entry.name for entry in entries if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []  # nothing has been written there yet
        return [f"{subfolder}/{name}" for name in names] if subfolder else names


def in_parts(items: Iterable[Item]) -> Iterator[tuple[int, list[Item]]]:
    """Yield PART of the items after others, with the number of the first of them."""
    rest, first = iter(items), 0
    while some := list(islice(rest, PART)):
        yield first, some
        first += len(some)


def output_name(jobs: Any, index: int) -> str:
    """Return the output name of job `index`. Raise JobModuleError, with the reason, when there is none."""
    try:
        return os.fsdecode(jobs._get_output_fname(**jobs._jobs[index]))
    except JobModuleError:
        raise
    except Exception as error:
        raise _no_name(jobs, index, error) from error


def output_names(jobs: Any) -> Iterator[str]:
    """Yield the output names of all jobs in order. Raise JobModuleError, with the reason, at the first without."""
    get_name = jobs._get_output_fname
    first = 0
    names: list[str] = []
    try:
        for first, some in in_parts(jobs._jobs):
            names = []
            for job in some:
                names.append(get_name(**job))  # a comprehension would not tell which job has none
            if not {str}.issuperset(map(type, names)):
                names = [output_name(jobs, first + place) for place in range(len(names))]
            yield from names
    except JobModuleError:
        raise
    except Exception as error:
        raise _no_name(jobs, first + len(names), error) from error


def absent_outputs(jobs: Any, listing: Listing) -> list[int]:
    """Return the indices of the jobs whose output is not in `listing`, ascending, claiming all names."""
    return listing.claim(output_names(jobs))


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
