"""What to run: the entries with their status, and the jobs chosen from it."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import attrs

from .. import __version__
from ..errors import JobModuleError, RecordError
from ..runs.folder_lock import real_folders, real_paths
from ..runs.marks import read_marks
from ..runs.renumbering import Places
from ..runs.store import next_timestamp, of_unknown_entries, planned_at
from ..runs.submission import NATIVE, Batch, Submission, Surroundings, new_token, ranges, sha256_of, without
from ..runtime.job_spec import freeze, source_checksum, thaw
from ..runtime.jobs import JobsBase
from ..runtime.loading import ModuleLoader
from ..runtime.outputs import Listing, absent_outputs, output_name, output_names
from ..runtime.run_folder import Run
from ..settings.config import Config
from ..todo.entry import Entry
from .history import History, nobody
from .status import NOT_JUDGED, Carrier, EntryStatus
from .unseen import Ask, ask_for

#: Returns the object Jobs of an entry with this configuration. Raises JobModuleError.
Construct = Callable[[Entry, Config], JobsBase]


@attrs.frozen(eq=False)
class Survey:
    """An entry as it was found: its configuration, its jobs, and what has become of them."""

    entry: Entry
    config: Config
    jobs: JobsBase
    #: Absolute path of the folder of its outputs.
    folder: str
    history: History
    #: Who carries out those of its submissions that a batch system has.
    carriers: Mapping[Run, Carrier]
    status: EntryStatus
    #: The subfolders in which some of the outputs lie, of this entry or of others in the same folder.
    subfolders: frozenset[str] = frozenset()

    @property
    def records(self) -> str:
        """The folder of its records."""
        return self.entry.records(self.folder)

    @property
    def left_out(self) -> list[int]:
        """Indices of the jobs whose output is there, and is not to be collected: not whole, or to be made again."""
        return sorted({*self.history.unsound, *self.status.old})

    def parameters(self, index: int) -> Mapping[str, Any]:
        """Return the parameters of a job as plain data. Raise JobModuleError when there is no such job."""
        total = len(self.jobs)
        if not 0 <= index < total:
            raise JobModuleError(
                f"there is no job {index}",
                where=self.entry.label,
                remedy=f"Give an index from 0 to {total - 1}" if total else "List some: it has none",
            )
        with self.jobs._jor_modules:
            return thaw(freeze(index, "", self.jobs._jobs[index])).parameters

    def output(self, index: int) -> str:
        """Return the absolute path of a job's output."""
        return os.path.join(self.folder, output_name(self.jobs, index))


def survey(
    entries: Sequence[Entry],
    config: Config,
    ask: Ask = nobody,
    construct: Construct | None = None,
    known: Iterable[Entry] = (),
    on_damage: Callable[[RecordError], None] | None = None,
) -> Iterator[Survey]:
    """Yield the survey of each entry, one after the other, writing nothing.

    `ask` is called at most once, and only when there are unfinished jobs that a batch system may have. `construct`
    makes the jobs of an entry; without it, job modules are loaded into this process, and stay there. `known` are all
    entries of the todo-list, should `entries` be some of them. An entry whose records cannot be read is left out, and
    told to `on_damage`; without that, RecordError is raised. Raise JobModuleError for a job module that cannot be used,
    and for two jobs, of one entry or of two, that have the same output.
    """
    construct = construct or partial(construct_here, ModuleLoader())
    keys = {entry.key for entry in (*entries, *known)}
    others = cache(lambda folder: of_unknown_entries(folder, keys))
    marks = cache(read_marks)
    listings = _Listings()
    waiting: list[Survey] = []
    for entry in entries:
        mine = config.for_entry(entry.settings)
        remake = partial(construct, entry, mine)
        jobs = remake()
        mine = config.for_entry(entry.settings, type(jobs))
        try:
            folder = _folder(jobs)
            if getattr(jobs.execute, "__func__", None) is JobsBase.execute:
                jobs.execute(0)  # raises with the remedy: now, and once, instead of for each job
            places = Places(jobs)
            listing = listings.of(folder, remake)
            absent = listing.claim(places.names_in_parts())
            listings.compare(folder, listing.subfolders)
        except JobModuleError as error:
            raise JobModuleError(error.what, where=entry.place or entry.jobmodule, remedy=error.remedy) from error
        records = entry.records(folder)
        everything = mine["overwrite-output"]
        try:
            history = History.read(
                jobs, places, absent, records, entry, everything=everything, others=others(folder), marks=marks(folder)
            )
        except RecordError as error:
            if on_damage is None:
                raise
            on_damage(error)
            continue
        found = Survey(entry, mine, jobs, folder, history, {}, NOT_JUDGED, listing.subfolders)
        if waiting or history.asked:
            waiting.append(found)
        else:
            yield attrs.evolve(found, status=history.judge({}))
    yield from _judged(waiting, None, ask)


def construct_here(modules: ModuleLoader, entry: Entry, config: Config) -> JobsBase:
    """Return the object Jobs of an entry, whose job module is loaded into this process."""
    return entry.construct(modules, config["path-prefix"], config["seed"])


def again(surveys: Sequence[Survey], now: float | None = None, ask: Ask = nobody) -> list[Survey]:
    """Return new surveys of the same entries; `now` is the time by the clock that stamps files there, if known."""
    renewed = []
    marks = cache(read_marks)
    folders = Counter(found.folder for found in surveys)
    shared = cache(Listing)
    for found in surveys:
        places = Places(found.jobs)
        listing = shared(found.folder) if folders[found.folder] > 1 else Listing(found.folder)
        absent = listing.claim(places.names_in_parts())
        everything = found.config["overwrite-output"]
        history = History.read(
            found.jobs,
            places,
            absent,
            found.records,
            found.entry,
            everything=everything,
            others=found.history.others,
            marks=marks(found.folder),
        )
        renewed.append(attrs.evolve(found, history=history, subfolders=listing.subfolders))
    return list(_judged(renewed, now, ask))


def _judged(surveys: Sequence[Survey], now: float | None, ask: Ask) -> Iterator[Survey]:
    batches = [batch for found in surveys for batch in found.history.asked]
    carriers = ask_for(batches, ask, now)
    for found in surveys:
        theirs = {run: carriers[run] for run, _ in found.history.asked}
        yield attrs.evolve(found, carriers=theirs, status=found.history.judge(theirs, now))


def choose(status: EntryStatus, *, overwrite: bool) -> Sequence[int]:
    """Return the indices of the jobs to run, ascending: those pending; with `overwrite` all, unless any are run now."""
    return range(status.total) if overwrite and not status.active else status.pending


def reason_to_overwrite(found: Survey) -> str:
    """Return by what the outputs of an entry are to be marked as outdated; "" if they are not.

    What stands in a file or a variable marks them once: who calls `jor run` again and again would never come to an end.
    """
    setting = found.config.setting("overwrite-output")
    if not setting.value:
        return ""
    if "overwrite-output" in found.config.command_line:
        return "--overwrite-output"
    return "" if found.entry.key in found.history.marks.settings else f"overwrite-output of {setting.source}"


def time_of_mark(found: Survey) -> str:
    """Return a time for a mark on outputs of an entry: later than any submission that may have made them."""
    return next_timestamp(found.records, [found.history.marks.newest, *map(planned_at, found.history.others)])


def make_submission(
    found: Survey,
    indices: Sequence[int],
    *,
    surroundings: Surroundings = NATIVE,
    token: str = "",
    batch: Batch | None = None,
    cluster: str = "",
) -> Submission:
    """Return the submission of the jobs `indices` of an entry, with a new token unless one is given.

    Without a `batch`, workers on this machine carry it out.
    """
    entry, config, history = found.entry, found.config, found.history
    empty = tuple(output_name(found.jobs, index) for index in sorted(found.status.empty))
    atomic = found.jobs.atomic_output and not history.wrote_in_place
    planned, absent, unfit = ranges(indices), ranges(history.absent), ranges(history.unfit)
    there = without(planned, absent)
    return Submission(
        token=token or new_token(),
        created=next_timestamp(found.records, [history.marks.newest]),
        jor=__version__,
        label=entry.label,
        jobmodule=entry.jobmodule,
        jobargs=entry.arguments,
        source_sha256=sha256_of(entry.jobmodule),
        source_crc32=source_checksum(entry.jobmodule),
        path_prefix=config["path-prefix"],
        directory=os.getcwd(),
        folder=found.folder,
        scheduler="local" if batch is None else config["scheduler"],
        cluster=cluster,
        cpus_per_task=config["cpus-per-task"],
        mem=config["mem"],
        time=config["time"],
        isolation=config["isolation"],
        grace_period=config["grace-period"],
        atomic_output=atomic,
        may_exist=bool(there) or bool(empty) or not atomic,
        planned=planned,
        empty=empty,
        aside=() if atomic else without(planned, unfit),
        unseen=without(without(unfit, planned), ranges(sorted(history.empty))),
        listed=history.places.count,
        names_crc32=history.places.checksum,
        batch=batch,
        surroundings=surroundings,
        fsync=config["fsync"],
        resumable=hasattr(found.jobs, "checkpoint") or not atomic,
        seed=config["seed"],
    )


def _folder(jobs: JobsBase) -> str:
    """Return the absolute path of the folder of the outputs. Raise JobModuleError when the class tells none."""
    try:
        return os.path.abspath(jobs._jor_folder())
    except JobModuleError:
        raise
    except Exception as error:
        what = f"_get_output_folder failed: {type(error).__name__}: {error}"
        raise JobModuleError(what, remedy="Return a path: os.path.join(self.path_prefix, 'a name')") from error


class _Listings:
    """One listing a folder; entries that share a folder share it, so that their names are compared.

    A folder is known by its real path. Outputs in subfolders may lie in the folder of another entry as well.
    """

    def __init__(self) -> None:
        self._real = real_folders()
        self._remakes: defaultdict[str, list[Callable[[], JobsBase]]] = defaultdict(list)
        self._shared: dict[str, Listing] = {}
        #: The subfolders of each folder that have been seen, and whose outputs lie in a folder.
        self._subfolders: defaultdict[str, set[str]] = defaultdict(set)
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        #: The folders that have outputs in one folder, by each of them; itself if two of its subfolders are one.
        self._meeting: defaultdict[str, set[str]] = defaultdict(set)

    def of(self, folder: str, remake: Callable[[], JobsBase]) -> Listing:
        """Return the listing of `folder` for the next entry that has its outputs there; `remake` makes its jobs."""
        real = self._real(folder)
        self._remakes[real].append(remake)
        earlier = self._remakes[real][:-1]
        if not earlier:
            return Listing(folder)  # not kept: most folders have one entry
        if real not in self._shared:
            self._shared[real] = Listing(folder)
            absent_outputs(earlier[0](), self._shared[real])
        return self._shared[real]

    def compare(self, folder: str, subfolders: frozenset[str]) -> None:
        """Raise JobModuleError if an output in `folder`, or below, is one of another folder's as well."""
        real = self._real(folder)
        for subfolder in {"", *subfolders} - self._subfolders[real]:
            self._subfolders[real].add(subfolder)
            users = self._users[self._real(os.path.join(folder, subfolder) if subfolder else real)]
            for other in users:
                self._meeting[real].add(other)
                self._meeting[other].add(real)
            users.add(real)
        if self._meeting[real]:
            self._compare_outputs({real, *self._meeting[real]})

    def _compare_outputs(self, folders: Iterable[str]) -> None:
        known: dict[str, str] = {}
        for folder in folders:
            path_of = real_paths(folder)
            for remake in self._remakes[folder]:
                for name in output_names(remake()):
                    path = path_of(name)
                    if path in known:
                        raise JobModuleError(
                            f"two jobs have the same output {path!r}: one writes to the folder {folder!r}, "
                            f"the other to {known[path]!r}",
                            remedy="Let each entry have a folder of its own, which no other writes to by a subfolder "
                            "or a link",
                        )
                    known[path] = folder
