"""A submission: jobs that were planned together, and everything needed to execute and to explain them.

Written once, before anything is started, and never changed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import pwd
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import accumulate

import attrs

from ..runtime.run_folder import VERSION

Ranges = tuple[tuple[int, int], ...]


def user_name() -> str:
    """Return the name of who runs this process; its number where it has no name, as in some containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


@attrs.frozen
class Batch:
    """How a submission is cut into the tasks of one job array, and what the batch system was asked for."""

    #: The array's name, which holds the submission's token and is no other's.
    name: str
    jobs_per_task: int
    #: How many of its jobs a task runs at once.
    workers_per_task: int
    #: Memory and time asked for one job, in bytes and seconds; None: not asked for.
    mem: int | None
    time: int | None
    #: Seconds that a task may take; None: not limited by jor.
    time_limit: int | None
    #: Seconds before its end at which a task is warned of it by SIGUSR2; 0: it is not.
    warning: int
    #: The command that, given the id of a task that was warned, has it run again; empty: it is not to.
    requeue: tuple[str, ...]
    #: The command that submits the script.
    command: tuple[str, ...]


@attrs.frozen
class Surroundings:
    """What jobs run in: a container image, a conda environment, both, or neither."""

    #: Absolute path of an image, or its URI; "" for no container.
    image: str = ""
    #: Of an image that is a file: bytes, and digest; of any that is no URI: what tells it from one that replaces it.
    size: int = 0
    sha256: str = ""
    stamp: str = ""
    labels: Mapping[str, str] = attrs.field(factory=dict)
    #: Prefix of a conda environment; "" for none.
    condaenv: str = ""
    #: Its packages, name-version-build; () where it is part of the image.
    packages: tuple[str, ...] = ()
    #: The same as URL#digest, from which conda makes it again: @EXPLICIT.
    explicit: tuple[str, ...] = ()


#: This machine as it is.
NATIVE = Surroundings()


@attrs.frozen
class Submission:
    """The content of submission.json."""

    token: str
    #: When it was planned, UTC.
    created: str
    #: Version of jor that planned it.
    jor: str
    label: str
    jobmodule: str
    jobargs: str
    #: Of the job module's file: what ran, for the record, and for workers a quick way to see that it has changed.
    source_sha256: str
    source_crc32: int
    path_prefix: str
    #: Working directory of its jobs.
    directory: str
    #: Folder of the outputs, absolute.
    folder: str
    #: What carries it out: "local", or the name of a batch system; and which of its clusters, "" if that has no name.
    scheduler: str
    cluster: str
    cpus_per_task: int
    mem: str
    time: str
    isolation: str
    #: Seconds that running jobs get to end when the run is interrupted.
    grace_period: float
    atomic_output: bool
    #: Whether something stands where outputs of planned jobs are to come.
    may_exist: bool
    #: The planned jobs' indices: first and last of each unbroken range, ascending.
    planned: Ranges
    #: How many jobs the list had, and the CRC-32 of their output names, by which it is known again: see
    #: jor.runs.renumbering.
    listed: int
    names_crc32: int
    #: Names of outputs of the entry that existed, empty and without a record: left behind by something that died.
    empty: tuple[str, ...] = ()
    #: Of the jobs that write in place, those whose old output is set aside before they begin.
    aside: Ranges = ()
    #: Jobs of the list that have not been looked at: not planned, and no output was there.
    unseen: Ranges = ()
    #: The inode of `folder`, by which that is told from a copy of it; 0: not written yet.
    folder_inode: int = 0
    #: None when workers on this machine carry it out.
    batch: Batch | None = None
    surroundings: Surroundings = NATIVE
    #: Whether outputs and records are to be on the disk before a job counts as done.
    fsync: bool = False
    #: Whether a job that was stopped goes on from where it was: its class has `checkpoint`, or writes in place.
    resumable: bool = True
    #: What the random numbers of its jobs are made of, besides their arguments and parameters.
    seed: int = 0
    host: str = attrs.field(factory=platform.node)
    #: The name of the user who planned it.
    user: str = attrs.field(factory=user_name)
    python: str = attrs.field(factory=platform.python_version)
    version: int = VERSION

    @property
    def count(self) -> int:
        """The number of planned jobs."""
        return sum(last - first + 1 for first, last in self.planned)

    @property
    def tasks(self) -> int:
        """The number of array tasks, 0 .. tasks - 1; 0 when it is no batch."""
        return -(-self.count // self.batch.jobs_per_task) if self.batch else 0

    def has(self, index: int) -> bool:
        """Tell whether it has this job."""
        return any(first <= index <= last for first, last in self.planned)

    def task_of(self) -> Callable[[int], int]:
        """Return what tells which array task has a planned job, by the job's index."""
        if self.batch is None:
            return lambda _index: 0
        per_task = self.batch.jobs_per_task
        firsts = [first for first, _ in self.planned]
        before = [0, *accumulate(last - first + 1 for first, last in self.planned)]

        def task(index: int) -> int:
            place = bisect_right(firsts, index) - 1
            return (before[place] + index - firsts[place]) // per_task

        return task


def timestamp(when: datetime | None = None) -> str:
    """Return a time, now by default, as a submission tells it.

    UTC, ISO 8601, to the millisecond; later ones sort higher.
    """
    when = when or datetime.now(timezone.utc)
    return when.isoformat(timespec="milliseconds")[:-6] + "Z"


def compact(text: str) -> str:
    """Return the time that `timestamp` told as `text` as the names of folders tell it, which sort likewise."""
    return re.sub(r"[-:Z.]", "", text).replace("T", "-")


def seconds_of(text: str) -> float:
    """Return the time that `timestamp` told as `text`, seconds since the epoch."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a job module's file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def new_token() -> str:
    """Return a text that no other submission has."""
    return os.urandom(5).hex()


def without(some: Ranges, others: Ranges) -> Ranges:
    """Return what lies in the ascending ranges `some`, and not in the ascending ranges `others`."""
    found: list[tuple[int, int]] = []
    at = 0
    for first, last in some:
        while first <= last:
            while at < len(others) and others[at][1] < first:
                at += 1
            begin, end = others[at] if at < len(others) else (last + 1, last)
            if first < begin:
                found.append((first, min(last, begin - 1)))
            first = max(first, end + 1) if begin <= last else last + 1
    return tuple(found)


def within(indices: Iterable[int], some: Ranges) -> frozenset[int]:
    """Return those of `indices` that lie in the ascending ranges `some`."""
    if len(some) == 1:  # far quicker
        ((first, last),) = some
        return frozenset(index for index in indices if first <= index <= last)
    firsts = [first for first, _ in some]
    places = ((index, bisect_right(firsts, index) - 1) for index in indices)
    return frozenset(index for index, place in places if place >= 0 and index <= some[place][1])


def indices_of(some: Ranges) -> Iterator[int]:
    """Yield the indices that lie in ranges."""
    for first, last in some:
        yield from range(first, last + 1)


def ranges(indices: Sequence[int]) -> Ranges:
    """Return ascending `indices` as first and last of each unbroken range."""
    found: list[list[int]] = []
    for index in indices:
        if found and found[-1][1] == index - 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return tuple((first, last) for first, last in found)
