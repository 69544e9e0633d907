"""Marks on outputs, by name: which are outdated, which were accepted as they are. One file for all entries of a folder.

A mark is written before anything is started, and not for each job that makes its output again: whether one has is what
the journals of later submissions tell. So a mark holds until the outputs that were made again are taken out of it.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from ..errors import RecordError
from ..runtime.jobs import JobsBase
from ..runtime.outputs import output_names
from ..runtime.process_id import Owner
from ..runtime.record_files import read_record
from ..runtime.run_folder import RECORDS
from ..runtime.staging import force_name, sweep_halfway
from .lease import acquire
from .renumbering import Places
from .submission import Ranges, compact, indices_of, ranges, user_name

#: Version of the file.
VERSION = 1


@attrs.frozen
class Names:
    """Names of outputs, told shortly: as indices in the list of jobs of then, and packed, should that be edited."""

    #: How many jobs the list had, and the CRC-32 of their output names: see jor.runs.renumbering. 0: it is not known.
    listed: int
    names_crc32: int
    jobs: Ranges
    #: The names with NUL between them: UTF-8, zlib, base64.
    packed: str

    @classmethod
    def of(cls, jobs: JobsBase, places: Places, indices: Sequence[int]) -> Names:
        """Return the names of the outputs of the jobs `indices`, ascending."""
        wanted = frozenset(indices)
        names = [name for index, name in enumerate(output_names(jobs)) if index in wanted]  # all at once: far quicker
        return cls(places.count, places.checksum, ranges(indices), _pack(names))

    @classmethod
    def plain(cls, names: Iterable[str]) -> Names:
        """Return names of which no list of jobs is known."""
        return cls(0, 0, (), _pack(sorted(names)))

    def are_listed_in(self, places: Places) -> bool:
        """Tell whether the list of now begins with that of then, so that the indices still hold."""
        return bool(self.listed) and places.begins_with(self.listed, self.names_crc32)

    def all(self) -> list[str]:
        """Return the names."""
        text = zlib.decompress(base64.b64decode(self.packed)).decode("utf-8", "surrogatepass")
        return text.split("\0") if text else []

    def without(self, names: Collection[str]) -> Names:
        """Return those of the names that are not among `names`; itself if all are."""
        mine = self.all()
        left = [name for name in mine if name not in names]
        return self if len(left) == len(mine) else Names.plain(left)


@attrs.frozen
class Mark:
    """What somebody has said of some outputs."""

    #: When, as submissions tell the time: submissions made later have a later time.
    since: str
    #: By what: a command, or an option and where it is set.
    by: str
    names: Names
    #: SHA-256 of the job module at that time; "" where that does not matter.
    code: str = ""
    user: str = attrs.field(factory=user_name)
    host: str = attrs.field(factory=platform.node)

    @property
    def time(self) -> str:
        """The same time as the names of submissions tell it."""
        return compact(self.since)


@attrs.frozen(slots=False)
class Marks:
    """The content of marks.json. A name is in one mark of a kind at most: in the newest."""

    outdated: tuple[Mark, ...] = ()
    #: Outputs that were taken as they are.
    accepted: tuple[Mark, ...] = ()
    #: Incomplete outputs that were written in place, and that the code of then may go on with.
    incomplete: tuple[Mark, ...] = ()
    #: Since when overwrite-output of a file or a variable is known, by the key of the entry that it has marked.
    settings: Mapping[str, str] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        return bool(self.outdated or self.accepted or self.incomplete or self.settings)

    @property
    def newest(self) -> str:
        """The time of the newest mark, as the names of submissions tell it; "" for none."""
        return max((mark.time for mark in (*self.outdated, *self.accepted, *self.incomplete)), default="")

    def outdated_jobs(self, places: Places) -> dict[int, str]:
        """Return the jobs whose output is marked as outdated, each with the time of its mark."""
        if not self.outdated:
            return {}
        if all(mark.names.are_listed_in(places) for mark in self.outdated):
            return {index: mark.time for mark in self.outdated for index in indices_of(mark.names.jobs)}
        marked = self._outdated_names
        return {index: marked[name] for name, index in places.index_of.items() if name in marked}

    @cached_property
    def _outdated_names(self) -> Mapping[str, str]:
        """When each name was marked; for all entries of the folder together, which may be many."""
        return {name: mark.time for mark in self.outdated for name in mark.names.all()}

    @cached_property
    def accepted_names(self) -> Mapping[str, Mark]:
        """The mark by which each output was accepted."""
        return {name: mark for mark in self.accepted for name in mark.names.all()}

    @cached_property
    def incomplete_names(self) -> Mapping[str, Mark]:
        """The mark by which each incomplete output may be gone on with."""
        return {name: mark for mark in self.incomplete for name in mark.names.all()}

    def with_outdated(self, mark: Mark) -> Marks:
        """Return the marks with another one for outputs that are outdated; what was accepted of them is no more."""
        names = frozenset(mark.names.all())
        others = {kind: _without(getattr(self, kind), names) for kind in ("outdated", "accepted", "incomplete")}
        return Marks(**{**others, "outdated": (*others["outdated"], mark)}, settings=self.settings)

    def with_accepted(self, mark: Mark) -> Marks:
        """Return the marks with another one for outputs that were accepted: none of them is outdated any more."""
        names = frozenset(mark.names.all())
        outdated, accepted = _without(self.outdated, names), _without(self.accepted, names)
        return attrs.evolve(self, outdated=outdated, accepted=(*accepted, mark))

    def with_incomplete(self, mark: Mark) -> Marks:
        """Return the marks with another one for incomplete outputs."""
        others = _without(self.incomplete, frozenset(mark.names.all()))
        return attrs.evolve(self, incomplete=(*others, mark))

    def made_again(self, names: Collection[str], upto: str) -> Marks:
        """Return the marks without those outputs that were made again, as far as they are not newer than `upto`."""
        older = tuple(mark for mark in self.outdated if mark.time <= upto)
        newer = tuple(mark for mark in self.outdated if mark.time > upto)
        return attrs.evolve(self, outdated=(*_without(older, names), *newer))

    def with_setting(self, key: str, since: str) -> Marks:
        """Return the marks with the time since which a setting is known to mark the entry `key`."""
        return attrs.evolve(self, settings={**self.settings, key: since})

    def without_setting(self, key: str) -> Marks:
        """Return the marks without that."""
        return attrs.evolve(self, settings={one: since for one, since in self.settings.items() if one != key})


#: Of a folder in which no output is marked.
NOTHING = Marks()


def path_of(folder: str) -> str:
    """Return where the marks on the outputs in `folder` are kept."""
    return os.path.join(folder, RECORDS, "marks.json")


def read_marks(folder: str) -> Marks:
    """Return the marks on the outputs in `folder`. Raise RecordError for what cannot be read."""
    path = path_of(folder)
    try:
        content = json.loads(read_record(path))
        if content["version"] != VERSION:
            raise ValueError(f"it has version {content['version']}, and this jor reads version {VERSION}")
        kinds = {kind: tuple(map(_mark, content[kind])) for kind in ("outdated", "accepted", "incomplete")}
        return Marks(**kinds, settings={str(key): str(since) for key, since in content["settings"].items()})
    except (FileNotFoundError, NotADirectoryError):
        return Marks()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, zlib.error) as error:
        raise RecordError(
            f"the marks on outputs cannot be read: {error}",
            where=path,
            remedy="Put it back from a copy; if it is deleted, outputs that were to be made again count as done",
        ) from error


def change_marks(folder: str, change: Callable[[Marks], Marks]) -> Marks:
    """Replace the marks on the outputs in `folder` by what `change` makes of them; return those.

    They are on the disk then. Entries of one folder wait for each other. Raise OSError, BusyError, RecordError.
    """
    path = path_of(folder)
    with acquire(os.path.join(os.path.dirname(path), "marks.lock"), lambda _owner: None) as lease:
        before = read_marks(folder)
        after = change(before)
        if after == before:
            return before
        sweep_halfway(path)
        if not after:
            os.unlink(path)
            return after
        halfway = f"{path}.{Owner.current()}"
        with open(halfway, "w", encoding="utf-8") as file:
            json.dump({"version": VERSION, **attrs.asdict(after)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        lease.confirm()
        os.replace(halfway, path)
        force_name(path, folder)
    return after


def _mark(content: Any) -> Mark:
    names = content["names"]
    jobs = tuple((int(first), int(last)) for first, last in names["jobs"])
    found = Names(int(names["listed"]), int(names["names_crc32"]), jobs, str(names["packed"]))
    found.all()  # what cannot be unpacked is damaged
    texts = {key: str(value) for key, value in content.items() if key != "names"}
    return Mark(names=found, **texts)


def _without(marks: Iterable[Mark], names: Collection[str]) -> tuple[Mark, ...]:
    left = ((mark, mark.names.without(names)) for mark in marks)
    return tuple(attrs.evolve(mark, names=kept) for mark, kept in left if kept.packed != _NOTHING)


def _pack(names: Iterable[str]) -> str:
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return base64.b64encode(zlib.compress(text, 1)).decode("ascii")


_NOTHING = _pack(())
