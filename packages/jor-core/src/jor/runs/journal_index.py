"""What the journals of a submission say in short: who wrote them, which jobs ended well, how the others fared.

A record takes 8 us to read. What has been read of large journals is therefore kept in the user's cache, and the next
command reads what has come since. A journal is only ever appended to; one that does not hold any more what was read of
it is read anew, from its beginning.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import attrs

from ..runtime.journal import Reader, Record, is_sound
from ..runtime.run_folder import Run
from ..user_cache import keep, kept
from .attempts import journals

#: Version of what is kept.
_VERSION = 1
_KIND = "journals"
#: Bytes of journals that have to be new for it to be worth keeping what they say.
WORTH_KEEPING = 1_000_000
#: Bytes before the place up to which a journal was read that tell whether it is still the same: the end of a record,
#: with its checksum.
_TAIL = 64


@attrs.define
class Summary:
    """What a journal says of its jobs."""

    path: str
    task: int
    #: The process that wrote it.
    owner: str = ""
    #: Its last record, if its worker came to its own end.
    over: Record | None = None
    #: Jobs that ended well, of which there is no more to say.
    well: list[int] = attrs.field(factory=list)
    #: The last word on each other job that was begun: its end, else its begin.
    others: dict[int, Record] = attrs.field(factory=dict)
    #: Up to where it was read, bytes, and what stands before that place.
    offset: int = 0
    tail: str = ""

    def read_on(self) -> int:
        """Read what has come since; return how much, bytes."""
        before = self.offset
        reader = Reader(self.path, before)
        for record in reader.records():
            self._note(record)
        self.offset = reader.offset
        if self.offset > before:
            self.tail = _tail(self.path, self.offset)
        return self.offset - before

    def _note(self, record: Record) -> None:
        kind = record["kind"]
        if kind == "begin":
            self.others.setdefault(record["index"], record)
        elif kind == "end":
            if record.get("error") or record.get("out_of_memory"):
                self.others[record["index"]] = record
            else:
                self.others.pop(record["index"], None)
                self.well.append(record["index"])
        elif kind == "over":
            self.over = record
        elif kind == "claim":
            self.owner = str(record.get("owner"))


def summaries(run: Run) -> Iterator[Summary]:
    """Yield what each journal of a submission says, in the order of `journals`."""
    known = _kept(run)
    fresh = 0
    read = []
    for path, task, _ in journals(run):
        name = os.path.basename(path)
        summary = known.get(name)
        if summary is None or _tail(path, summary.offset) != summary.tail:
            summary = Summary(path, task)
        fresh += summary.read_on()
        read.append(summary)
        yield summary
    if fresh >= WORTH_KEEPING:
        _keep(run, read)


def _tail(path: str, offset: int) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, offset - _TAIL))
            return file.read(min(offset, _TAIL)).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _keep(run: Run, read: list[Summary]) -> None:
    content = {
        os.path.basename(one.path): {
            **attrs.asdict(one, recurse=False, filter=lambda field, _: field.name != "path"),
            "others": [*one.others.values()],
        }
        for one in read
    }
    keep(_KIND, run.folder, [_VERSION, content])


def _kept(run: Run) -> dict[str, Summary]:
    """Return what was kept; nothing of it if any of it is not what this jor has written."""
    try:
        version, by_name = kept(_KIND, run.folder)
        return {name: _summary(run, name, **fields) for name, fields in by_name.items()} if version == _VERSION else {}
    except (TypeError, ValueError, LookupError, AttributeError):
        return {}


def _summary(run: Run, name: str, others: list[Record], **fields: Any) -> Summary:
    by_index = {record["index"]: record for record in others}
    found = Summary(os.path.join(run.folder, name), others=by_index, **fields)
    records = chain(others, [] if found.over is None else [found.over])
    numbers = chain(found.well, [found.task, found.offset])
    if (
        {int}.issuperset(map(type, numbers))
        and {str}.issuperset(map(type, [found.owner, found.tail]))
        and all(map(is_sound, records))
        and 0 <= found.offset <= sys.maxsize
    ):
        return found
    raise TypeError(name)
