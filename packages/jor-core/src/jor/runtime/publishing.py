"""What of an output folder is whose, and how that which a job has made comes to lie there.

Nothing replaces what stands there, but for a job's own output and what the same job has put there before.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
import zlib
from array import array
from bisect import bisect_left
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, NamedTuple, Sequence

from ..errors import RecordError
from .events import End, digest_of
from .journal import Reader
from .record_files import lines
from .run_folder import RECORDS, Run
from .staging import NotPublishedError, Staging, delete, force, force_name, move

if TYPE_CHECKING:
    from .past import Past

#: How a line of jobs.jsonl begins.
_LINE = re.compile(rb'\{"index":(\d+),"output":"((?:[^"\\]|\\.)*)"')
#: Seconds between two looks for new submissions.
_LOOK_EVERY = 60.0
#: What a file system says that has no hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class Beside(NamedTuple):
    """Files that a job has put beside its output, relative to the folder of all outputs."""

    files: list[str]
    #: Those of them whose place was taken, by where they would have been.
    aside: list[str]


class Neighbours:
    """Whose the files in an output folder are: planned outputs, and what jobs have put beside theirs."""

    def __init__(self, run: Run, folder: str) -> None:
        self._run = run
        self._folder = folder
        #: Of each submission in the folder, the checksums of the outputs that it has planned, and of the folders that
        #: these lie in, sorted.
        self._planned: dict[str, tuple[Run, array[int]]] = {}
        #: When, by time.monotonic(), to look for new ones.
        self._look_at = 0.0
        #: The output beside which each file was put, or many files with names of this digest.
        self._put: dict[str, str] | None = None

    def job_of(self, name: str) -> str:
        """Return what to call the job whose output is called `name`; '' if no submission has planned it."""
        text = json.dumps(name)[1:-1].encode()
        return self._find(text, lambda output: output == text)

    def stand_in_the_way_of(self, name: str) -> bool:
        """Tell whether planned outputs belong below `name`, or where a folder above it would be."""
        text = json.dumps(name)[1:-1].encode()
        if self._find(text, lambda output: output.startswith(text + b"/")):
            return True
        above = os.path.dirname(name)
        while above and not self.job_of(above):
            above = os.path.dirname(above)
        return bool(above)

    def _find(self, text: bytes, is_meant: Callable[[bytes], bool]) -> str:
        """Return what to call the job whose output is meant; its checksum is that of `text`, or a folder's above it."""
        self._look_for_submissions()
        checksum = zlib.crc32(text)
        for run, checksums in self._planned.values():
            place = bisect_left(checksums, checksum)
            if place < len(checksums) and checksums[place] == checksum:
                for index, output in _planned(run):
                    if is_meant(output):
                        return f"job {index}"
        return ""

    def put_beside(self, output: str, name: str, all_names: Sequence[str]) -> bool:
        """Tell whether, as records say, the file `name` was put beside this output: by itself, or among `all_names`."""
        if self._put is None:
            self._put = {}
            for run, ends in self._put_before():
                outputs = _outputs_of(run, {end.index for end in ends})
                for end in ends:
                    self.note(outputs.get(end.index, ""), end)
        return self._put.get(name) == output or self._put.get(digest_of(all_names)) == output

    def note(self, output: str, end: End) -> None:
        """Take down what has been put beside an output."""
        if self._put is not None:
            self._put.update(dict.fromkeys([*end.beside, *([end.beside_sha256] if end.beside_sha256 else [])], output))

    def _look_for_submissions(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY
        top = os.path.join(self._folder, RECORDS)
        for entry in _names(top):
            for run in _submissions(os.path.join(top, entry)):
                if run.folder not in self._planned and (run.past is not None or os.path.isfile(run.jobs)):
                    planned = array("I", _checksums(output for _, output in _planned(run)))
                    self._planned[run.folder] = run, planned

    def _put_before(self) -> Iterator[tuple[Run, list[End]]]:
        """Yield each submission of the entry, the oldest first, with the ends of jobs that tell of files beside."""
        for run in _submissions(self._run.records):
            ends: list[End] = []
            for journal in sorted(_files(run)):
                if journal.startswith("task-") and journal.endswith(".jsonl"):
                    ends += _ends_with_files(run, journal)
            if ends:
                yield run, ends


def _checksums(outputs: Iterable[bytes]) -> list[int]:
    """Return the checksums of outputs, and of the folders that they lie in, sorted."""
    found = []
    folders = set()
    for output in outputs:
        found.append(zlib.crc32(output))
        above = os.path.dirname(output)
        while above and above not in folders:
            folders.add(above)
            above = os.path.dirname(above)
    return sorted([*found, *map(zlib.crc32, folders)])


def _submissions(records: str) -> list[Run]:
    """Return the submissions of an entry with the folder `records`, the oldest first, folded ones as well."""
    runs = os.path.join(records, "runs")
    names = _names(runs)  # first: one that is folded meanwhile is there or in `past`, or in both
    past: dict[str, Past] = {}
    if os.path.exists(os.path.join(records, "past.jsonl")):
        from .past import read_past  # paid only where there are such, and files beside outputs

        with suppress(OSError, RecordError):  # what cannot be read claims no name
            past = read_past(records)
    return [Run(os.path.join(runs, name), past.get(name)) for name in sorted({*names, *past})]


def _ends_with_files(run: Run, journal: str) -> Iterator[End]:
    """Yield the ends of jobs in a journal that tell of files beside their outputs."""
    try:
        for event in Reader(os.path.join(run.folder, journal), opened=partial(run.open, journal)).events():
            if isinstance(event, End) and (event.beside or event.beside_sha256):
                yield event
    except RecordError:
        pass  # of another version: nobody's files are told


class Publisher:
    """Puts into place what jobs of a submission have left in a staging folder."""

    def __init__(self, run: Run, folder: str) -> None:
        self._folder = folder
        self._neighbours = Neighbours(run, folder)

    def publish(self, staging: Staging, output: str, *, durably: bool = False) -> Beside | None:
        """Move all that a job left beside its output `output`, then that; return what lies beside it.

        Return None, and move nothing, if it has not written its output. Raise OSError, or NotPublishedError, if
        something cannot be put into place; then its output has not been.
        """
        others = staging.others(output)
        if others is None:
            return None
        beside = Beside([], [])
        for name in others if durably else ():  # not the folder: nobody needs its names after a power loss
            force(os.path.join(staging.folder, name))
        if others:
            name = os.path.relpath(output, self._folder)
            files = list(_all_files(staging.folder, others, os.path.dirname(name)))
            names = [target for _, target in files if not target.endswith("/")]
            for path, target in files:
                self._put(path, target, name, names, beside)
            self._neighbours.note(name, End(-1, 0, 0, 0).naming(beside.files))
            for left in others:
                delete(os.path.join(staging.folder, left))  # folders, empty by now
            below = {os.path.dirname(file) for file in beside.files} if durably else set()
            for folder in below - {os.path.dirname(name)}:  # that of the output is forced with it
                force_name(os.path.join(self._folder, folder, "any"), self._folder)
        staging.publish(output, durably=durably)
        return beside

    def _put(self, path: str, name: str, output: str, names: Sequence[str], beside: Beside) -> None:
        """Put the file `path` into place as `name` in the folder of all outputs, or aside if that is another's place.

        `names` are those of all files beside the output. An empty folder, whose name ends with "/", is made there.
        """
        if name.partition("/")[0] == RECORDS:
            what = f"beside its output it has written {name}, where jor keeps its records"
            raise NotPublishedError(what, remedy="Give that folder another name")
        target = os.path.join(self._folder, name)
        placed = name
        if name != output and (job := self._neighbours.job_of(name)):
            if not _took_the_same(path, target):
                what = f"beside its output it has written {name}, which is the output of {job}"
                raise NotPublishedError(what, remedy="Give that file another name")
            return
        in_the_way = self._neighbours.stand_in_the_way_of(name)
        if name.endswith("/"):
            with suppress(FileExistsError, NotADirectoryError):  # a file; nothing of this folder is lost
                if not in_the_way:
                    os.makedirs(target, exist_ok=True)
            return
        if in_the_way or not (_put_new(path, target) or _took_the_same(path, target)):
            if in_the_way or not self._neighbours.put_beside(output, name, names):
                beside.aside.append(name)
                placed = f"{output}.files/{os.path.relpath(name, os.path.dirname(output))}"
                target = os.path.join(self._folder, placed)
            if os.path.isdir(target) and not os.path.islink(target):
                raise NotPublishedError(f"a folder stands where {placed} is to lie", remedy="Move it away")
            move(path, target)
        beside.files.append(placed)


def _all_files(folder: str, names: list[str], below: str) -> Iterator[tuple[str, str]]:
    """Yield all files that have these names in `folder`, or lie in its folders so called, and where they belong.

    That is `below` in the folder of all outputs. The place of an empty folder ends with "/".
    """
    for name in sorted(names):
        path, target = os.path.join(folder, name), os.path.join(below, name)
        if os.path.isdir(path) and not os.path.islink(path):
            inside = os.listdir(path)
            if not inside:
                yield path, os.path.join(target, "")
            yield from _all_files(path, inside, target)
        else:
            yield path, target


def _put_new(path: str, target: str) -> bool:
    """Give a file the name `target` if nothing has that, never replacing anything; tell whether it has it now."""
    try:
        try:
            os.link(path, target, follow_symlinks=False)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.link(path, target, follow_symlinks=False)
    except (FileExistsError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _put_where_nothing_is(path, target)
    os.unlink(path)
    return True


def _put_where_nothing_is(path: str, target: str) -> bool:
    """Do the same where there are no hard links, or on another file system: hold the name by an empty file first."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except (FileExistsError, NotADirectoryError):
        return False
    try:
        move(path, target)
    except OSError:
        os.unlink(target)
        raise
    return True


def _took_the_same(path: str, target: str) -> bool:
    """Delete `path` if `target` is the same byte by byte; tell whether it was."""
    if os.path.islink(path) or os.path.islink(target):
        same = os.path.islink(path) and os.path.islink(target) and os.readlink(path) == os.readlink(target)
    else:
        import filecmp  # paid only where two files have one name

        same = os.path.isfile(path) and os.path.isfile(target) and filecmp.cmp(path, target, shallow=False)
    if same:
        os.unlink(path)
    return same


def _planned(run: Run) -> Iterator[tuple[int, bytes]]:
    """Yield the jobs that jobs.jsonl of a submission tells: their indices, and their outputs as JSON writes them.

    By a pattern: job_spec.planned, which decodes the parameters too, takes three times as long for a million jobs.
    """
    with suppress(FileNotFoundError, RecordError), run.open(
        os.path.basename(run.jobs)
    ) as file:  # what is no list of jobs claims no name
        for line in lines(file):
            found = _LINE.match(line)
            if found:
                yield int(found[1]), found[2]


def _outputs_of(run: Run, indices: set[int]) -> dict[int, str]:
    """Return the outputs that a submission has planned for these jobs."""
    return {index: str(json.loads(b'"%s"' % text)) for index, text in _planned(run) if index in indices}


def _files(run: Run) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError, RecordError):
        return run.names()
    return []


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
