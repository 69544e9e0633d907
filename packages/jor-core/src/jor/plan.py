"""What to run: the entries with their status, and the jobs chosen from it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import attrs

from . import __version__
from .config import Config
from .entries import Entry
from .errors import JobModuleError
from .runtime.jobs import JobsBase
from .runtime.outputs import Listing, absent_outputs
from .runtime.records import source_checksum
from .status import EntryStatus, Status, read_status
from .submission import Submission, new_token, ranges


@attrs.frozen(eq=False)
class Survey:
    """An entry as it was found: its configuration, its jobs, and what has become of them."""

    entry: Entry
    config: Config
    jobs: JobsBase
    #: Absolute path of the folder of its outputs.
    folder: str
    status: EntryStatus

    @property
    def records(self) -> str:
        """The folder of its records."""
        return self.entry.records(self.folder)


def survey(entries: Iterable[Entry], config: Config) -> Iterator[Survey]:
    """Yield the survey of each entry, one after the other, writing nothing.

    Raise JobModuleError for a job module that cannot be used, and for two jobs, of one entry or of two, that have
    the same output.
    """
    listings = _Listings()
    for entry in entries:
        mine = config.for_entry(entry.settings)
        remake = partial(entry.construct, mine["path-prefix"])
        jobs = remake()
        mine = config.for_entry(entry.settings, type(jobs))
        try:
            folder = _folder(jobs)
            if getattr(jobs.execute, "__func__", None) is JobsBase.execute:
                jobs.execute(0)  # raises with the remedy: now, and once, instead of for each job
            absent = absent_outputs(jobs, listings.of(folder, remake))
        except JobModuleError as error:
            raise JobModuleError(error.what, where=entry.place or entry.jobmodule, remedy=error.remedy) from error
        status = read_status(jobs, absent, entry.records(folder), time.time())
        yield Survey(entry, mine, jobs, folder, status)


def again(found: Survey, now: float) -> Survey:
    """Return the survey of the same entry anew; `now` is the time by the clock that stamps files there."""
    absent = absent_outputs(found.jobs, Listing(found.folder))
    return attrs.evolve(found, status=read_status(found.jobs, absent, found.records, now))


def choose(status: EntryStatus, *, overwrite: bool, only_first: bool = False) -> Sequence[int]:
    """Return the indices of the jobs to run, ascending: those pending; with `overwrite` all that nobody is running."""
    chosen = status.pending
    if overwrite:
        if status.counts[Status.RUNNING] or status.counts[Status.QUEUED]:
            return ()  # somebody is making them anew at this moment
        chosen = range(status.total)
    return chosen[:1] if only_first else chosen


def make_submission(found: Survey, indices: Sequence[int], *, overwrite: bool) -> Submission:
    """Return the submission of the jobs `indices` of an entry, with a new token."""
    entry, config = found.entry, found.config
    empty = tuple(problem.index for problem in found.status.problems if problem.status is Status.INTERRUPTED)
    return Submission(
        token=new_token(),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        jor=__version__,
        label=entry.label,
        jobmodule=entry.jobmodule,
        jobargs=entry.arguments,
        source_sha256=_sha256(entry.jobmodule),
        source_crc32=source_checksum(entry.jobmodule),
        path_prefix=config["path-prefix"],
        directory=os.getcwd(),
        folder=found.folder,
        cpus_per_task=config["cpus-per-task"],
        mem=config["mem"],
        time=config["time"],
        isolation=config["isolation"],
        grace_period=config["grace-period"],
        atomic_output=found.jobs.atomic_output,
        may_exist=overwrite or bool(empty) or not found.jobs.atomic_output,
        planned=ranges(indices),
        empty=empty,
    )


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _folder(jobs: JobsBase) -> str:
    """Return the absolute path of the folder of the outputs. Raise JobModuleError when the class tells none."""
    try:
        return os.path.abspath(os.fspath(jobs._get_output_folder()))
    except JobModuleError:
        raise
    except Exception as error:
        what = f"_get_output_folder failed: {type(error).__name__}: {error}"
        raise JobModuleError(what, remedy="It returns a path: os.path.join(self.path_prefix, 'a name')") from error


class _Listings:
    """One listing a folder; entries that share a folder share it, so that their names are held against each other."""

    def __init__(self) -> None:
        self._first: dict[str, Callable[[], JobsBase]] = {}
        self._shared: dict[str, Listing] = {}

    def of(self, folder: str, remake: Callable[[], JobsBase]) -> Listing:
        """Return the listing of `folder` for the next entry that has its outputs there; `remake` makes its jobs."""
        if folder not in self._first:
            self._first[folder] = remake  # kept instead of the listing: most folders have one entry
            return Listing(folder)
        if folder not in self._shared:
            self._shared[folder] = Listing(folder)
            absent_outputs(self._first[folder](), self._shared[folder])
        return self._shared[folder]
