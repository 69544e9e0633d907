"""Which outputs exist: one directory read a folder, however many jobs.

A stat a job would cost a million round trips on a network file system, and may be answered from a stale
cache there; reading the directory is not (nfs(5), "Directory entry caching").
"""

from __future__ import annotations

import os
from typing import Any, Iterable, Iterator

from ..errors import JobModuleError
from .records import RECORDS


class Listing:
    """The names of the files in one output folder, ticked off as jobs claim them.

    Names are relative to the folder; a name may lie in a subfolder, which is then read as well, once.
    A dangling link, a folder, a pipe is no output.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        # name -> has a job claimed it? Absent names are added as they are claimed, so that a second claim is seen.
        self._claimed: dict[str, bool] = {}
        self._read: set[str] = {""}
        self._read_folder("")

    def claim(self, names: Iterable[str]) -> list[int]:
        """Let jobs 0, 1, 2 ... claim their names; return the indices whose output does not exist, ascending.

        Raise JobModuleError for two jobs with one name and for a name that is not a file inside the folder.
        """
        claimed, absent = self._claimed, []
        for index, name in enumerate(names):
            # One look-up a job in the usual case; everything unusual is sorted out in _claim_unknown.
            if not claimed.get(name, True):
                claimed[name] = True
            elif not self._claim_unknown(name, index):
                absent.append(index)
        return absent

    def unclaimed(self) -> list[str]:
        """Return the names of files that lie beside the outputs and are none, as far as jobs have claimed theirs."""
        return [name for name, claimed in self._claimed.items() if not claimed]

    def _claim_unknown(self, name: str, index: int) -> bool:
        """Claim a name that is absent, claimed already, or unfit; tell whether its file exists."""
        if name in self._claimed:
            raise JobModuleError(
                f"two jobs have the same output {os.path.join(self.folder, name)!r}; the second is job {index}",
                remedy="Let _get_output_fname (and _get_output_folder) tell apart all jobs of all entries",
            )
        exists = self.has(_fit(name, index))
        self._claimed[name] = True
        return exists

    def has(self, name: str) -> bool:
        """Tell whether there is a file with this name, which no job has claimed yet."""
        subfolder = os.path.dirname(name)
        if subfolder not in self._read:
            self._read.add(subfolder)
            self._read_folder(subfolder)
        return name in self._claimed

    def _read_folder(self, subfolder: str) -> None:
        try:
            with os.scandir(os.path.join(self.folder, subfolder)) as entries:
                names = [entry.name for entry in entries if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return  # nothing has been written there yet
        self._claimed.update(dict.fromkeys([f"{subfolder}/{name}" for name in names] if subfolder else names, False))


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
    index = 0
    try:
        for job in jobs._jobs:
            name = get_name(**job)
            yield name if type(name) is str else output_name(jobs, index)
            index += 1
    except JobModuleError:
        raise
    except Exception as error:
        raise _no_name(jobs, index, error) from error


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
