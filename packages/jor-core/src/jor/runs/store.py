"""Submissions on disk: written whole or not at all, found again, revoked, swept.

Each is written once, before anything is started, and never changed.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from array import array
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import Protocol

import attrs

from ..bundle import write_bundle
from ..errors import JorError, RecordError
from ..runtime.job_spec import freeze
from ..runtime.jobs import JobsBase
from ..runtime.outputs import output_name
from ..runtime.past import read_past
from ..runtime.run_folder import PLACE, RECORDS, Run, append
from ..runtime.staging import force, force_name
from .lease import Lease, is_copy
from .submission import Ranges, Submission, compact, timestamp

#: Seconds after which a submission that is still being written is so no more: its jor was killed.
ABANDONED_AFTER = 3600.0


#: The latest time of a submission that another may follow.
_LATEST = datetime.max.replace(tzinfo=timezone.utc) - timedelta(days=1)
#: Seconds after the last change of its folder from which on a submission is looked up, and its folder, which may hold
#: the files of very many tasks, not listed.
_SETTLED_AFTER = 120.0


class Planning(Protocol):
    """The right to plan: one lease, or several."""

    def confirm(self) -> None:
        """Raise BusyError if another is planning by now."""


@attrs.frozen
class Submitted:
    """A submission on disk, ready to be carried out by the process that holds `lease`."""

    submission: Submission
    run: Run
    #: Where each planned job's line begins in jobs.jsonl, in the order in which jobs are to start.
    offsets: array[int]
    lease: Lease


def next_timestamp(records: str, others: Iterable[str] = ()) -> str:
    """Return the time now for a submission below `records`, and later than the newest there in any case.

    It is later than the times `others` as well, told as `compact` does. The newest decides what has become of a job,
    and the clocks of login nodes differ.
    """
    # The newest is hardly ever a folded one.
    runs = chain(newest_first(records, folded=False), newest_first(records))
    last_planned = next(filter(None, map(_moment, map(planned_at, runs))), None)
    earlier = (last_planned, *map(_moment, others))
    newest = max(filter(None, earlier), default=datetime.min.replace(tzinfo=timezone.utc))
    if newest > _LATEST:
        last = [run.folder for run in newest_first(records) if _moment(planned_at(run)) == newest]
        raise RecordError(
            "a submission or a mark has the last time that there is: none can follow it",
            where=last[0] if last else records,
            remedy="See that nothing of it runs, then delete what has that time: no output is lost",
        )
    return timestamp(max(datetime.now(timezone.utc), newest + timedelta(milliseconds=1)))


def _moment(text: str) -> datetime | None:
    """Return the moment that the name of a folder tells; None if it tells none."""
    try:
        return datetime.strptime(f"{text}+0000", "%Y%m%d-%H%M%S%f%z")
    except ValueError:
        return None  # somebody has renamed it


def write(
    submission: Submission,
    jobs: JobsBase,
    indices: Iterable[int],
    records: str,
    planning: Planning,
    *,
    bundled: bool = False,
) -> Submitted:
    """Write `submission` of the jobs `indices`, which this process will carry out, into a new folder below `records`.

    By `planning`, this process is the only one who plans there. With `bundled`, the runtime lies there as well. Raise
    RecordError when it cannot be written, BusyError when another is planning by now, leaving nothing.
    """
    run = run_of(submission, records)
    with _whole_or_not(run, records, planning):
        offsets = _write_jobs(run.jobs, jobs, indices)
        if bundled:
            write_bundle(run.bundle)
        lease = Lease(run.alive)
        submission = _write_submission(run, submission)
        if submission.fsync:
            _force(run, submission)
    return Submitted(submission, run, offsets, lease)


def write_batch(
    submission: Submission,
    jobs: JobsBase,
    indices: Iterable[int],
    records: str,
    planning: Planning,
    script: str,
    *,
    bundled: bool = False,
) -> Run:
    """Write `submission`, which a batch system is to carry out by `script`, as `write` does.

    It is on the disk when this returns: what is submitted next can be found again after a crash.
    """
    assert submission.batch is not None
    run = run_of(submission, records)
    with _whole_or_not(run, records, planning):
        offsets = _write_jobs(run.jobs, jobs, indices)
        offsets = offsets[:: submission.batch.jobs_per_task]
        offsets.append(os.stat(run.jobs).st_size)
        with open(run.places, "wb") as file:
            file.writelines(map(PLACE.pack, offsets))
        with open(run.script, "w", encoding="utf-8", errors="surrogateescape") as text:
            text.write(script)
        if bundled:
            write_bundle(run.bundle)
        _write_submission(run, submission)
        _force(run, submission)
    return run


def run_of(submission: Submission, records: str) -> Run:
    """Return the folder below `records` that `submission` has or is to have."""
    return Run(os.path.join(records, "runs", f"{compact(submission.created)}-{submission.token}"))


def planned_at(run: Run) -> str:
    """Return when a submission was planned, as the name of its folder and marks on outputs tell it."""
    return os.path.basename(run.folder)[:18]


def read(run: Run) -> Submission:
    """Return the submission in the folder of `run`. Raise RecordError when it is damaged or of a newer jor."""
    import cattrs  # 50 ms, paid only where there are unfinished jobs to explain

    content = run.read_content()
    try:
        return cattrs.structure(content, Submission)
    except Exception as error:
        raise run.damaged("; ".join(cattrs.transform_error(error))) from None


def newest_first(records: str, *, folded: bool = True) -> Iterator[Run]:
    """Yield the submissions below `records`, the newest first; those never finished are passed over.

    With `folded`, those as well whose folders are gone: nothing of them is active. Raise PermissionError for what may
    not be seen, VersionError for what was folded by another version.
    """
    try:
        names = os.listdir(os.path.join(records, "runs"))  # first: one that is folded meanwhile is in `past` as well
    except (FileNotFoundError, NotADirectoryError):
        names = []
    past = read_past(records) if folded else {}
    for name in sorted({*names, *past}, reverse=True):
        run = Run(os.path.join(records, "runs", name), past.get(name))
        if run.past is not None:
            yield run
            continue
        try:
            if _is_finished(run):
                yield run
        except (FileNotFoundError, NotADirectoryError):
            continue  # another error passes: jobs of a submission that may not be seen could run twice


def is_copied(run: Run, submission: Submission) -> bool:
    """Tell whether the record of a submission lies in a copy of the output folder that its jobs write to.

    It is no more than history then.
    """
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(run.folder))))
    is_here = submission.batch is not None or submission.host == platform.node()
    return is_copy(here, submission.folder, submission.folder_inode, is_here=is_here)


def of_unknown_entries(folder: str, known: Container[str]) -> list[Run]:
    """Return the submissions in an output folder of entries whose keys are not `known`, as far as they can be read.

    Such an entry may have become one of the known ones: its job module has been renamed, say. It may as well be another
    todo-list's, and what is wrong with its records, or of another version, is for that one to tell.
    """
    records = os.path.join(folder, RECORDS)
    found: list[Run] = []
    with suppress(FileNotFoundError, NotADirectoryError):
        for name in sorted(os.listdir(records)):
            if name not in known:
                with suppress(OSError):
                    found += filter(_is_readable, newest_first(os.path.join(records, name)))
    return found


def _is_readable(run: Run) -> bool:
    try:
        _ = run.past.head if run.past is not None else run.read_submission()
    except RecordError:
        return False
    return True


def _is_finished(run: Run) -> bool:
    if time.time() - os.stat(run.folder).st_mtime < _SETTLED_AFTER:
        # Not by a look-up: should another host be writing it at this moment, NFS would deny it for a minute.
        return os.path.basename(run.submission) in os.listdir(run.folder)
    os.stat(run.submission)
    return True


def sweep_unfinished(records: str, now: float) -> None:
    """Delete submissions below `records` that were never finished; to be called by who is planning the entry.

    `now` is the time by the clock that stamps files there.
    """
    try:
        with os.scandir(os.path.join(records, "runs")) as entries:
            folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for folder in folders:
        try:
            os.stat(Run(folder.path).submission)
        except FileNotFoundError:
            with suppress(FileNotFoundError):  # who was writing it has deleted it by now
                if now - folder.stat().st_mtime > ABANDONED_AFTER:
                    shutil.rmtree(folder.path, ignore_errors=True)


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


def revoke(run: Run, tasks: Ranges, why: str) -> None:
    """Let these array tasks of a submission begin no job any more, nor go on with one. Raise JorError if it cannot."""
    try:
        if tasks:
            run.revoke(tasks, why)
    except OSError as error:
        raise JorError(
            f"the submission cannot be revoked: {error.strerror}", where=run.revoked, remedy="Make it writable"
        ) from error


@contextmanager
def _whole_or_not(run: Run, records: str, planning: Planning) -> Iterator[None]:
    """Make the folder of `run`, and delete it again when what is to be written there cannot be, or may not be."""
    try:
        os.makedirs(run.folder)
        yield
        planning.confirm()  # now that all others can see it: who plans from here on leaves its jobs alone
    except BaseException as error:
        shutil.rmtree(run.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise unwritable(error, records) from error
        raise


def _write_submission(run: Run, submission: Submission) -> Submission:
    """Write submission.json last, by rename: a submission without it was never finished, and counts for nothing.

    Return what was written: the submission, with the inode of its folder.
    """
    submission = attrs.evolve(submission, folder_inode=os.stat(submission.folder).st_ino)
    if not submission.atomic_output and not os.path.exists(run.in_place):
        append(run.in_place, f"submission {submission.token}: its jobs write in place\n".encode())
    halfway = f"{run.submission}.partial"
    with open(halfway, "w", encoding="utf-8") as file:
        json.dump(attrs.asdict(submission), file, indent=1)
        if submission.batch is not None or submission.fsync:
            file.flush()
            os.fsync(file.fileno())
    os.rename(halfway, run.submission)
    return submission


def _force(run: Run, submission: Submission) -> None:
    """Have all of a submission on the disk, and the names of all folders that may have been made for it."""
    force(run.folder)
    inside = os.path.commonpath([submission.directory, submission.folder]) == submission.directory
    above = submission.directory if inside else os.path.dirname(submission.folder)
    # Where this user may not write, nothing has been made.
    force_name(run.folder, above if os.access(above, os.R_OK | os.W_OK) else submission.folder)


def _write_jobs(path: str, jobs: JobsBase, indices: Iterable[int]) -> array[int]:
    offsets = array("Q")
    offset = 0
    with open(path, "wb", buffering=2**20) as file, jobs._jor_modules:
        for index in indices:
            line = freeze(index, output_name(jobs, index), jobs._jobs[index])
            file.write(line)
            offsets.append(offset)
            offset += len(line)
    return offsets
