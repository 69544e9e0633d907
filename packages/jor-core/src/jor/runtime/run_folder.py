"""The names of the files that jor keeps beside the outputs.

<output folder>/.jor/
lock                          who is planning submissions of this folder now
linked-from                   which other folders have outputs here, by a link
<entry>/
old/<output>                  the old outputs of jobs that write in place and are run again
partial/<worker>/             where jobs write
kept/<output>/                what a job had made that failed at its end
in-place                      why its outputs may be halves: a line for each reason
past.jsonl, past.files, past.log    what is left of submissions that were folded: see jor.runtime.past
folded/<time>-<token>/        a folder that is about to be deleted
runs/<time>-<token>/          one submission
submission.json           everything that its workers need to know
jobs.jsonl                the planned jobs, one line each
alive                     local: who carries the submission out; gone when it is over
jor.pyz                   the runtime, for an environment that has none
script.sh                 array tasks: the script that the batch system was given
scheduler.jsonl           array tasks: what the batch system was asked, and what it answered
jobs.index                array tasks: where in jobs.jsonl the jobs of each begin
suspect                   array tasks: jobs that ended well although a process of theirs was killed
revoked                   array tasks: which of them may not begin a job any more
task-<k>.log              what worker or array task <k> printed
task-<k>.r<restart>.jsonl the journal of one of its attempts
task-<k>.r<restart>.prologue array tasks: the line of the prologue that ended an attempt before it had a journal
"""

from __future__ import annotations

import errno
import json
import os
import re
import struct
import sys
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Iterable, Mapping, NamedTuple

from ..errors import OddFileError, RecordError, VersionError
from .record_files import MOST, read_whole, regular
from .run_spec import RunSpec

if TYPE_CHECKING:
    from .past import Past

#: The folder beside the outputs in which jor keeps its records; no output may have this name.
RECORDS = ".jor"
#: The folder in that of an entry's records that keeps what jobs had made that failed at their end.
KEPT = "kept"
#: A place in jobs.jsonl, in jobs.index: bytes from its start.
PLACE = struct.Struct("<Q")
#: Digits that no index of a job has.
_MOST_DIGITS = 18
#: What stands in `in-place` of a job that wrote at its final path although its class is atomic.
WROTE_IN_PLACE = b"wrote at its final path by itself"
#: Version of submission.json and jobs.jsonl; a reader refuses those of another.
VERSION = 2

#: What to do when a submission cannot be read; a file that is listed and not there is too new for this node to see it.
_REMEDIES: Mapping[type, str] = {
    PermissionError: "Make it readable",
    FileNotFoundError: "Try again in a minute: another host has just written it",
}
_DELETE = "Delete the folder it lies in; outputs are not lost"
_OLDER = "See with the jor that wrote it that nothing runs or is interrupted, then delete the folder it lies in"


class Run(NamedTuple):
    """The folder of one submission. What its files hold is to be asked by `names` and `open`: it may be folded."""

    folder: str
    #: What is left of it if it is folded; None if it is not, or was not when it was looked for.
    past: Past | None = None

    @property
    def records(self) -> str:
        """The folder of its entry's records."""
        return os.path.dirname(os.path.dirname(self.folder))

    def names(self) -> list[str]:
        """Return the names of its files. Raise FileNotFoundError if there is no such submission any more."""
        if self.past is not None:
            return self.past.names()
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:
            return self._folded_meanwhile().names()

    def open(self, name: str) -> IO[bytes]:
        """Open one of its files. Raise OSError; OddFileError, which is one, for what is no regular file."""
        if self.past is not None:
            return BytesIO(self.past.read(name))
        try:
            return open(os.path.join(self.folder, name), "rb", opener=regular)
        except FileNotFoundError:
            if os.path.isdir(self.folder):
                raise
            return BytesIO(self._folded_meanwhile().read(name))

    def read(self, name: str, most: int = MOST) -> bytes:
        """Return the content of one of its files, of at most so many bytes. Raise OSError as `open` does."""
        with self.open(name) as file:
            return read_whole(file, os.path.join(self.folder, name), most)

    def _folded_meanwhile(self) -> Past:
        from .past import read_past  # hardly ever wanted, and not by workers

        past = read_past(self.records).get(os.path.basename(self.folder))
        if past is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.folder)
        return past

    @property
    def submission(self) -> str:
        """What its workers need to know, JSON."""
        return os.path.join(self.folder, "submission.json")

    @property
    def jobs(self) -> str:
        """The planned jobs, one line each."""
        return os.path.join(self.folder, "jobs.jsonl")

    @property
    def alive(self) -> str:
        """Who carries the submission out; gone when it is over."""
        return os.path.join(self.folder, "alive")

    @property
    def places(self) -> str:
        """Where the jobs of each array task begin in jobs.jsonl: see `chunk`."""
        return os.path.join(self.folder, "jobs.index")

    @property
    def bundle(self) -> str:
        """The runtime, where it is not taken from the environment in which workers run: see jor.bundle."""
        return os.path.join(self.folder, "jor.pyz")

    @property
    def script(self) -> str:
        """The script that the batch system was given."""
        return os.path.join(self.folder, "script.sh")

    @property
    def revoked(self) -> str:
        """Which array tasks may not begin a job any more: JSON, a line each time that some are named."""
        return os.path.join(self.folder, "revoked")

    @property
    def suspect(self) -> str:
        """Which jobs ended well although the kernel had killed a process of theirs: an index a line."""
        return os.path.join(self.folder, "suspect")

    def suspects(self) -> list[int]:
        """Return the indices of jobs whose output is to be doubted."""
        try:
            lines = self.read(os.path.basename(self.suspect)).split(b"\n")[:-1]
            return [int(line) for line in lines if line.isdigit() and len(line) < _MOST_DIGITS]
        except FileNotFoundError:
            return []

    @property
    def partial(self) -> str:
        """Where its jobs write, shared with the entry's other submissions."""
        return os.path.join(self.records, "partial")

    @property
    def in_place(self) -> str:
        """Why outputs of the entry may have been written in place, and be halves: a line each; often not there.

        `WROTE_IN_PLACE` stands in the lines on jobs that did although their class is atomic.
        """
        return os.path.join(self.records, "in-place")

    @property
    def old(self) -> str:
        """Where old outputs are while jobs that write in place make them again: see jor.runtime.old_outputs."""
        return os.path.join(self.records, "old")

    def journal(self, task: int, restart: int = 0) -> str:
        """Return the journal of one attempt of a worker or array task."""
        return os.path.join(self.folder, f"task-{task}.r{restart}.jsonl")

    def attempts(self, task: int, names: Iterable[str]) -> list[int]:
        """Return which attempts at an array task have begun, by the `names` that its folder has."""
        journal = re.compile(rf"task-{task}\.r(\d+)\.jsonl")
        return [int(match[1]) for match in map(journal.fullmatch, names) if match]

    def log(self, task: int, slot: int | None = None) -> str:
        """Return what a worker or array task printed; with `slot`, what its jobs printed there."""
        return os.path.join(self.folder, f"task-{task}.log" if slot is None else f"task-{task}.s{slot}.log")

    def chunk(self, task: int) -> tuple[int, int]:
        """Return where in jobs.jsonl the jobs of an array task begin and end, bytes."""
        with open(self.places, "rb", opener=regular) as file:
            file.seek(PLACE.size * task)
            data = file.read(2 * PLACE.size)
        if len(data) < 2 * PLACE.size:
            raise RecordError(
                f"the submission has no task {task}", where=self.places, remedy="Leave it to jor to start tasks of it"
            )
        return PLACE.unpack_from(data)[0], PLACE.unpack_from(data, PLACE.size)[0]

    def revoke(self, tasks: Iterable[tuple[int, int]], why: str) -> None:
        """Let these array tasks, first and last of each range, begin no job any more, nor go on with one."""
        append(self.revoked, json.dumps({"tasks": [*tasks], "why": why}).encode() + b"\n")

    def revocations(self) -> list[tuple[int, int, str]]:
        """Return which array tasks may not begin a job any more: first and last of each range, and why."""
        try:
            lines = self.read(os.path.basename(self.revoked)).split(b"\n")
        except FileNotFoundError:
            return []
        except OddFileError:
            lines = [b"odd"]
        found = []
        for line in filter(None, lines):
            try:
                content = json.loads(line)
                found += [(int(first), int(last), str(content["why"])) for first, last in content["tasks"]]
            except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
                found.append((0, sys.maxsize, "the list of revoked tasks is damaged"))
        return found

    def read_submission(self) -> RunSpec:
        """Return what submission.json tells workers. Raise RecordError when it is damaged or of a newer jor."""
        try:
            return RunSpec.of(self.read_content())
        except ValueError as error:
            raise self.damaged(str(error)) from None

    def damaged(self, what: str) -> RecordError:
        """Return the error for a submission.json of which `what` is wrong."""
        return RecordError(f"the submission is damaged: {what}", where=self.submission, remedy=_DELETE)

    def read_content(self) -> dict[str, Any]:
        """Return the whole content of submission.json, of which only the version is known to be right.

        Raise RecordError; VersionError for another version.
        """
        try:
            content = json.loads(self.read(os.path.basename(self.submission)))
        except RecordError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            remedy = _REMEDIES.get(type(error), _DELETE)
            raise RecordError(
                f"the submission cannot be read: {error}", where=self.submission, remedy=remedy
            ) from error
        if not isinstance(content, dict) or not isinstance(content.get("version"), int):
            raise self.damaged("it tells no version")
        odd = next((key for key, value in content.items() if isinstance(value, str) and "\0" in value), None)
        if odd is not None:
            raise self.damaged(f"{odd} holds a NUL")  # no path has one
        version: int = content["version"]
        if version != VERSION:
            raise VersionError(
                f"the submission has version {version}; this jor reads version {VERSION}",
                where=self.submission,
                remedy="Use the newer jor that wrote it" if version > VERSION else _OLDER,
            )
        return content


def append(path: str, line: bytes) -> None:
    """Append `line` to a file of the records, never through a link; it is on the disk when this returns.

    Raise OSError (disk full, quota) when it could not be written whole.
    """
    fd = regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
    try:
        if os.write(fd, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(fd)
    finally:
        os.close(fd)
