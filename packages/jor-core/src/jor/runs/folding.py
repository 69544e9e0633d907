"""Fold ended submissions: put what they tell into three files of the entry's records, and delete their folders.

For who is planning the entry. Killed at any point, nothing is lost, and nothing counts twice: see jor.runtime.past.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

import attrs

from ..errors import RecordError
from ..runtime.events import Begin, End, LastWords, encode
from ..runtime.past import FILES, LINES, LOG, MOST_JOBS, Head, Piece, Stored, TaskEnds, Words, line_of, read_past
from ..runtime.record_files import regular
from ..runtime.run_folder import Run
from ..runtime.staging import force_name
from .attempts import journals, reader
from .journal_index import summaries
from .store import Planning, newest_first
from .submission import Submission, ranges

#: Files in the folders of an entry's submissions, folders included, beyond which the old ones are folded, and how many
#: are left then; the newest submission stays as it is.
MOST_FILES, FEWEST_FILES = 80, 40
#: Bytes of journals beyond which a submission stays as it is: there are few of them, and a planner has little time.
MOST_OF_JOURNALS = 4_000_000
#: Seconds that a planner spends on it; the next one goes on.
MOST_SECONDS = 5.0
#: Bytes of a log that is kept whole; of a longer one, that much of what each job printed last: one that ended well, and
#: one that did not.
WHOLE_LOG, MOST_OF_A_JOB, MOST_OF_A_FAILED_JOB = 2**20, 2**16, 1_000_000
#: Bytes that are read at once.
_CHUNK = 2**20
#: Files that tell nothing any more.
_NEEDLESS = re.compile(r"alive|jor\.pyz|jobs\.index|submission\.json\.partial")
_LOG = re.compile(r"task-\d+(?:\.s\d+)?\.log")
#: What the system says of a file of a submission that cannot be read, as of the next submission it may not.
_OF_ONE_FILE = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ELOOP, errno.ESTALE, errno.EIO, errno.EISDIR)
_NAME = re.compile(r"[\w.-]+", re.ASCII)


@attrs.frozen
class Ended:
    """A submission of which nothing goes on, and how its array tasks ended."""

    run: Run
    submission: Submission
    tasks: Sequence[TaskEnds] = ()


def beyond(records: str) -> list[Run]:
    """Return the submissions below `records` that are to be folded if they have ended, the oldest first."""
    older = [*newest_first(records, folded=False)][1:]
    counted = [(run, 1 + len(run.names())) for run in older]
    if sum(count for _, count in counted) <= MOST_FILES:
        return []
    kept = 0
    found: list[Run] = []
    for run, count in counted:
        kept += count
        if kept > FEWEST_FILES and os.access(run.folder, os.W_OK) and _NAME.fullmatch(_name(run)) and _is_small(run):
            found.append(run)
    return found[::-1]


def _is_small(run: Run) -> bool:
    return sum(os.path.getsize(path) for path, _, _ in journals(run)) <= MOST_OF_JOURNALS


def fold(records: str, ended: Iterable[Ended], planning: Planning) -> None:
    """Fold these submissions of the entry with the folder `records`, and delete what is left of folded ones.

    What cannot be read or deleted stays as it is. Raise OSError when what is to be kept cannot be written, BusyError
    when another is planning by now.
    """
    past = read_past(records)
    lines: list[bytes] = []
    fresh = not past
    deadline = time.monotonic() + MOST_SECONDS
    for one in ended:
        if time.monotonic() > deadline:
            break
        if _name(one.run) not in past:
            with suppress(RecordError), _taken_back(records):  # who looks for it is told
                lines.append(_folded(records, one))
                planning.confirm()
    if lines:
        planning.confirm()
        for name in (FILES, LOG):
            _force(os.path.join(records, name))
        _append_lines(os.path.join(records, LINES), lines)
        if fresh:
            force_name(os.path.join(records, LINES), os.path.dirname(os.path.dirname(records)))
    _delete_folders(records)


@contextmanager
def _taken_back(records: str) -> Iterator[None]:
    """Take back what was added for a submission that cannot be read; raise what a full disk raises, and the like."""
    paths = [os.path.join(records, name) for name in (FILES, LOG)]
    sizes = [os.path.getsize(path) if os.path.exists(path) else 0 for path in paths]
    try:
        yield
    except (RecordError, OSError) as error:
        for path, size in zip(paths, sizes, strict=True):
            with suppress(FileNotFoundError):
                os.truncate(path, size)
        if isinstance(error, RecordError) or error.errno not in _OF_ONE_FILE:
            raise


def _delete_folders(records: str) -> None:
    """Delete the folders of folded submissions; each is there whole, or not at all, for those who read it."""
    runs, aside = os.path.join(records, "runs"), os.path.join(records, "folded")
    for name in read_past(records).keys() & {*os.listdir(runs)}:
        os.makedirs(aside, exist_ok=True)
        with suppress(FileNotFoundError):
            os.rename(os.path.join(runs, name), os.path.join(aside, name))
    shutil.rmtree(aside, ignore_errors=True)


def _folded(records: str, one: Ended) -> bytes:
    """Add the files and the logs of a submission to those of the folded ones; return the line that tells of it."""
    run, submission = one.run, one.submission
    words = [_words(found.path, found.task, found.words) for found in summaries(run)]
    if sum(last - first + 1 for told in words for first, last in told.well) > MOST_JOBS:
        raise RecordError("the submission has too many jobs to be folded", where=run.folder, remedy="Leave it as it is")
    names = sorted(name for name in run.names() if not _NEEDLESS.fullmatch(name))
    others = [name for name in names if not _LOG.fullmatch(name)]
    with _appended(os.path.join(records, FILES)) as file:
        told = _stored(io.BytesIO(json.dumps(words, separators=(",", ":")).encode()), file)
        files = {}
        for name in others:
            with run.open(name) as source:
                files[name] = _stored(source, file)
    wanted = _logs_of_jobs(run)
    logs: dict[str, list[Piece]] = {}
    with _appended(os.path.join(records, LOG)) as file:
        for name in names:
            if _LOG.fullmatch(name) and (pieces := list(_pieces(run, name, wanted.get(name, ()), file))):
                logs[name] = pieces
    head = Head(submission.listed, submission.names_crc32, submission.planned)
    return line_of(_name(run), head, told, one.tasks, logs, files)


def _words(path: str, task: int, words: LastWords) -> Words:
    return Words(os.path.basename(path), task, ranges(sorted({*words.well})), [*map(encode, words.events())])


def _stored(source: IO[bytes], target: IO[bytes]) -> Stored:
    """Compress what `source` holds to the end of `target`; return where it lies there."""
    first = target.tell()
    packed = zlib.compressobj(1)
    while chunk := source.read(_CHUNK):
        target.write(packed.compress(chunk))
    target.write(packed.flush())
    return Stored(first, target.tell() - first)


def _logs_of_jobs(run: Run) -> Mapping[str, list[tuple[int, int, int]]]:
    """Return where in each log stands what jobs printed, -1: to its end, and how much of that is kept."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for path, task, _ in journals(run):
        begun: dict[int, Begin] = {}
        ends: list[Begin | End] = []
        for event in reader(run, path).events():
            if isinstance(event, Begin):
                begun[event.index] = event
            elif isinstance(event, End):
                begun.pop(event.index, None)
                ends.append(event)
        for one in (*ends, *begun.values()):
            if one.log is not None:
                first, last = one.log
                name = one.log_file or os.path.basename(run.log(task))
                most = MOST_OF_A_JOB if isinstance(one, End) and one.ok else MOST_OF_A_FAILED_JOB
                found.setdefault(name, []).append((first, last if isinstance(one, End) else -1, most))
    return found


def _pieces(run: Run, name: str, jobs: Iterable[tuple[int, int, int]], target: IO[bytes]) -> Iterator[Piece]:
    """Add what is to be kept of a log to `target`; yield what that is."""
    with run.open(name) as file:
        size = os.fstat(file.fileno()).st_size
        for first, last, most in [(0, size, WHOLE_LOG)] if size <= WHOLE_LOG else sorted(jobs):
            last = min(last, size) if last >= first else size
            begin = max(first, last - most)
            if begin < last:
                file.seek(begin)
                place = target.tell()
                target.write(file.read(last - begin))
                # It is known by where the job's part begins.
                yield Piece(first, first + target.tell() - place, place)


def _appended(path: str) -> IO[bytes]:
    """Open a file to add to its end; what a process that was killed had added to it stays, and nobody speaks of it."""
    file = open(path, "ab", buffering=_CHUNK, opener=_open_no_link)  # noqa: SIM115 # for who called
    file.seek(0, os.SEEK_END)
    return file


def _append_lines(path: str, lines: Sequence[bytes]) -> None:
    """Add lines by one write, on lines of their own also after a torn one. They are on the disk then."""
    with open(path, "a+b", buffering=0, opener=_open_no_link) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        data = b"".join([b"" if file.read(1) in (b"", b"\n") else b"\n", *lines])
        if file.write(data) != len(data):
            raise OSError(28, os.strerror(28), path)
        os.fsync(file.fileno())


def _force(path: str) -> None:
    fd = regular(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _open_no_link(path: str, flags: int) -> int:
    return regular(path, flags | os.O_NOFOLLOW)


def _name(run: Run) -> str:
    return os.path.basename(run.folder)
