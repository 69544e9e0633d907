"""Ended submissions whose folders are gone: what is left of them, in three files of their entry's records.

past.jsonl   a line each: which jobs it planned, how its array tasks ended, where the rest lies
past.files   the last words on their jobs, and the files of their folders, each compressed by itself (zlib)
past.log     what their tasks printed, as far as it is kept

A line is written when what it tells of is on the disk, and before the folder is deleted: a submission that has both
counts once, by its line. Each line has the CRC-32 of all before it; one that is torn or damaged is passed over.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import Any, Callable, Mapping, NamedTuple, Sequence, Tuple, TypeVar

from ..errors import RecordError, VersionError
from .record_files import lines, regular

#: Version of the lines; a reader refuses those of another.
VERSION = 1
#: The files, in the folder of an entry's records.
LINES, FILES, LOG = "past.jsonl", "past.files", "past.log"

_HEAD = re.compile(rb'\{"version":(\d{1,9}),"run":"([\w.-]{1,255})"', re.ASCII)
_CRC_FIELD = b',"crc":"'
T = TypeVar("T")
#: First and last of some indices.
IndexRange = Tuple[int, int]
#: Most jobs of a submission that ended well: one of more is not folded.
MOST_JOBS = 20_000_000


class Stored(NamedTuple):
    """Where in past.files a file lies, and how many bytes it takes there."""

    offset: int
    length: int


class TaskEnds(NamedTuple):
    """How some array tasks ended, as the batch system told it."""

    first: int
    last: int
    reason: str
    #: What they ran out of; "" if that did not end them.
    shortage: str


class Piece(NamedTuple):
    """What is kept of a log: its bytes from `first` to `last` begin at `place` in past.log."""

    first: int
    last: int
    place: int


class Words(NamedTuple):
    """What a journal came to: see jor.runtime.events.LastWords."""

    name: str
    task: int
    #: The jobs that ended well.
    well: tuple[IndexRange, ...]
    #: The records of all else.
    records: Sequence[Mapping[str, Any]]


class Head(NamedTuple):
    """What a submission had planned: fields of jor.runs.submission.Submission, which tells more of them."""

    listed: int
    names_crc32: int
    planned: tuple[IndexRange, ...]


class Past:
    """A folded submission: the folder `name`, of an entry with the folder `records`.

    Its line is read when it is asked for anything, and no more of it is looked at than that: there may be thousands.
    What it tells raises RecordError if it is damaged.
    """

    __slots__ = ("_head", "_line", "_told", "name", "records")

    def __init__(self, records: str, name: str, line: bytes) -> None:
        self.records = records
        self.name = name
        self._line = line
        self._told: dict[str, Any] | None = None
        self._head: Head | None = None

    @property
    def head(self) -> Head:
        """What it had planned."""
        if self._head is None:
            self._head = self._part("head", lambda told: Head(_int(told[0]), _int(told[1]), _ranges(told[2])))
        return self._head

    @property
    def words(self) -> list[Words]:
        """What its journals came to, in the order of jor.runs.attempts."""
        packed = self._unpacked("words", self._part("words", lambda told: Stored(*map(_size, told))))
        try:
            return _words(json.loads(packed))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}", FILES) from error

    @property
    def tasks(self) -> list[TaskEnds]:
        """How its array tasks ended; those that ended well are left out."""
        return self._part(
            "tasks", lambda told: [TaskEnds(_int(a), _int(b), _text(why), _text(short)) for a, b, why, short in told]
        )

    @property
    def log(self) -> str:
        """The file with what is kept of its logs."""
        return os.path.join(self.records, LOG)

    def pieces(self, log: str) -> list[Piece]:
        """Return what is kept of one of its logs."""
        return self._part("logs", lambda told: [Piece(*map(_size, piece)) for piece in told.get(log, ())])

    def names(self) -> list[str]:
        """Return the names of its files."""
        return self._part("files", lambda told: [*map(_name, told)])

    def read(self, name: str) -> bytes:
        """Return the content of one of its files. Raise FileNotFoundError if it had none, RecordError."""
        stored = self._part("files", lambda told: Stored(*map(_size, told[name])) if name in told else None)
        if stored is None:
            raise FileNotFoundError(2, os.strerror(2), os.path.join(self.records, "runs", self.name, name))
        return self._unpacked(name, stored)

    def _unpacked(self, name: str, stored: Stored) -> bytes:
        path = os.path.join(self.records, FILES)
        try:
            with open(path, "rb", opener=regular) as file:
                file.seek(stored.offset)
                unpacked = zlib.decompressobj()
                found = unpacked.decompress(file.read(stored.length))
        except zlib.error as error:
            raise self._damaged(str(error), FILES) from error
        except OSError as error:
            raise self._damaged(error.strerror or str(error), FILES) from error
        if not unpacked.eof:
            raise self._damaged(f"{name} is cut short", FILES)
        return found

    def _part(self, name: str, of: Callable[[Any], T]) -> T:
        try:
            if self._told is None:
                self._told = json.loads(self._line)
            return of(self._told[name])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}", LINES) from error

    def _damaged(self, what: str, file: str) -> RecordError:
        return RecordError(
            f"what is left of the submission {self.name} cannot be read: {what}",
            where=os.path.join(self.records, file),
            remedy=f"Put it back from a copy. Or delete {LINES}, {FILES} and {LOG} there: no output is lost, "
            "and what became of the jobs of old submissions is forgotten",
        )


def read_past(records: str) -> dict[str, Past]:
    """Return the folded submissions of an entry with the folder `records`, by name, in the order of folding.

    Raise VersionError for a line of another version, OSError for what may not be read.
    """
    found: dict[str, Past] = {}
    path = os.path.join(records, LINES)
    try:
        file = open(path, "rb", opener=regular)  # noqa: SIM115 # closed below
    except (FileNotFoundError, NotADirectoryError):
        return found
    with file:
        for line in lines(file):
            head = _HEAD.match(line)
            body, _, rest = line.rpartition(_CRC_FIELD)
            if head is None or rest != b'%08x"}\n' % zlib.crc32(body):
                continue
            if int(head[1]) != VERSION:
                raise VersionError(
                    f"what is left of old submissions has version {int(head[1])}; this jor reads version {VERSION}",
                    where=path,
                    remedy="Use the newer jor that wrote it",
                )
            name = head[2].decode()
            found.setdefault(name, Past(records, name, line))
    return found


def line_of(
    name: str,
    head: Head,
    words: Stored,
    tasks: Sequence[TaskEnds],
    logs: Mapping[str, Sequence[Piece]],
    files: Mapping[str, Stored],
) -> bytes:
    """Return the line that tells of a folded submission."""
    told = {"version": VERSION, "run": name, "head": head, "words": words, "tasks": tasks, "logs": logs, "files": files}
    body = json.dumps(told, separators=(",", ":"))[:-1].encode()
    return b'%s%s%08x"}\n' % (body, _CRC_FIELD, zlib.crc32(body))


def _words(told: Any) -> list[Words]:
    words = [Words(_text(name), _int(task), _ranges(well), list(events)) for name, task, well, events in told]
    if sum(max(0, last - first + 1) for one in words for first, last in one.well) > MOST_JOBS:
        raise ValueError("it tells of too many jobs")
    return words


def _ranges(told: Any) -> tuple[IndexRange, ...]:
    return tuple((_int(first), _int(last)) for first, last in told)


def _int(told: Any) -> int:
    if type(told) is not int:
        raise TypeError(f"{told!r:.50} is not a whole number")
    return told


def _size(told: Any) -> int:
    if not 0 <= _int(told) < 2**62:
        raise ValueError(f"{told} is not a number of bytes")
    return int(told)


def _text(told: Any) -> str:
    if type(told) is not str:
        raise TypeError(f"{told!r:.50} is not a text")
    return told


def _name(told: str) -> str:
    if "/" in told or "\0" in told:
        raise ValueError(f"{told!r:.50} is not the name of a file")
    return told
