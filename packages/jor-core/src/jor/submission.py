"""A submission: jobs that were planned together, and everything needed to execute and to explain them.

Written once, before anything is started, and never changed.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence

import attrs

from .errors import JorError, RecordError
from .lock import Lease
from .runtime.jobs import JobsBase
from .runtime.outputs import output_name
from .runtime.records import VERSION, Run, freeze

Ranges = tuple[tuple[int, int], ...]


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
    #: Folder of the outputs.
    folder: str
    cpus_per_task: int
    mem: str
    time: str
    isolation: str
    #: Seconds that running jobs get to end when the run is interrupted.
    grace_period: float
    atomic_output: bool
    #: Whether old outputs stand where those of planned jobs are to come.
    may_exist: bool
    #: The planned jobs' indices: first and last of each unbroken range, ascending.
    planned: Ranges
    #: Those of them whose output existed, empty and without a record: left behind by something that died.
    empty: tuple[int, ...] = ()
    host: str = attrs.field(factory=platform.node)
    python: str = attrs.field(factory=platform.python_version)
    version: int = VERSION

    @property
    def count(self) -> int:
        """The number of planned jobs."""
        return sum(last - first + 1 for first, last in self.planned)


@attrs.frozen
class Submitted:
    """A submission on disk, ready to be carried out by the process that holds `lease`."""

    submission: Submission
    run: Run
    #: Where each planned job's line begins in jobs.jsonl, in the order in which jobs are to start.
    offsets: array[int]
    lease: Lease


def new_token() -> str:
    """Return a text that no other submission has."""
    return secrets.token_hex(5)


def write(submission: Submission, jobs: JobsBase, indices: Iterable[int], records: str) -> Submitted:
    """Write `submission` of the jobs `indices` into a new folder below `records`.

    Raise RecordError, leaving nothing behind, when that cannot be written.
    """
    run = Run(os.path.join(records, "runs", f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{submission.token}"))
    try:
        os.makedirs(run.folder)
        offsets = _write_jobs(run.jobs, jobs, indices)
        lease = Lease(run.alive)
        # Last, by rename: a submission without this file was never finished, and counts for nothing.
        halfway = f"{run.submission}.partial"
        with open(halfway, "w", encoding="utf-8") as file:
            json.dump(attrs.asdict(submission), file, indent=1)
        os.rename(halfway, run.submission)
    except OSError as error:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise unwritable(error, records) from error
    return Submitted(submission, run, offsets, lease)


def read(run: Run) -> Submission:
    """Return the submission in the folder of `run`. Raise RecordError when it is damaged or of a newer jor."""
    import cattrs  # 50 ms, paid only where there are unfinished jobs to explain

    content = run.read_submission()
    try:
        return cattrs.structure(content, Submission)
    except Exception as error:
        what = "the submission is damaged: " + "; ".join(cattrs.transform_error(error))
        raise RecordError(
            what, where=run.submission, remedy="Delete the folder it lies in; outputs are not lost"
        ) from None


def newest_first(records: str) -> Iterator[Run]:
    """Yield the submissions below `records`, the newest first; those never finished are passed over."""
    try:
        names = sorted(os.listdir(os.path.join(records, "runs")), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        run = Run(os.path.join(records, "runs", name))
        if os.path.exists(run.submission):
            yield run


def ranges(indices: Sequence[int]) -> Ranges:
    """Return ascending `indices` as first and last of each unbroken range."""
    found: list[list[int]] = []
    for index in indices:
        if found and found[-1][1] == index - 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return tuple((first, last) for first, last in found)


def partial_folder(records: str) -> str:
    """Return where the jobs of an entry with the folder `records` write."""
    return Run(os.path.join(records, "runs", "any")).partial


def unwritable(error: OSError, records: str) -> JorError:
    """Return the error for an output folder that cannot be written to."""
    return RecordError(
        f"the output folder cannot be written: {error.strerror}",
        where=os.path.dirname(os.path.dirname(records)),
        remedy="Make it writable, free space, or choose another with the option path-prefix",
    )


def _write_jobs(path: str, jobs: JobsBase, indices: Iterable[int]) -> array[int]:
    offsets = array("Q")
    offset = 0
    with open(path, "wb", buffering=2**20) as file:
        for index in indices:
            line = freeze(index, output_name(jobs, index), jobs._jobs[index])
            file.write(line)
            offsets.append(offset)
            offset += len(line)
    return offsets
