"""What the journals of a submission say in short: who wrote them, which jobs ended well, how the others fared.

A record takes 8 us to read. What has been read of large journals is therefore kept in the user's cache, and the next
command reads what has come since. A journal is only ever appended to; one that does not hold any more what was read of
it is read anew, from its beginning.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import attrs

from ..runtime.events import LastWords, encode, parse
from ..runtime.past import Words
from ..runtime.record_files import regular
from ..runtime.run_folder import Run
from ..user_cache import keep, kept
from .attempts import journals, reader
from .submission import indices_of

#: Version of what is kept.
_VERSION = 3
_KIND = "journals"
#: Bytes of journals that have to be new for it to be worth keeping what they say.
WORTH_KEEPING = 1_000_000
#: Bytes before the place up to which a journal was read that tell whether it is still the same: the end of a record,
#: with its checksum.
_TAIL = 64


@attrs.define
class Summary:
    """What a journal says of its jobs."""

    run: Run
    path: str
    task: int
    words: LastWords = attrs.field(factory=LastWords)
    #: Up to where it was read, bytes, and what stands before that place.
    offset: int = 0
    tail: str = ""

    def read_on(self) -> int:
        """Read what has come since; return how much, bytes."""
        before = self.offset
        journal = reader(self.run, self.path, before)
        for event in journal.events():
            self.words.add(event)
        self.offset = journal.offset
        if self.offset > before:
            self.tail = _tail(self.path, self.offset)
        return self.offset - before


def summaries(run: Run) -> Iterator[Summary]:
    """Yield what each journal of a submission says, in the order of `journals`."""
    if run.past is not None:
        yield from map(partial(_folded, run), run.past.words)
        return
    known = _kept(run)
    fresh = 0
    read = []
    for path, task, _ in journals(run):
        name = os.path.basename(path)
        summary = known.get(name)
        if summary is None or _tail(path, summary.offset) != summary.tail:
            summary = Summary(run, path, task)
        fresh += summary.read_on()
        read.append(summary)
        yield summary
    if fresh >= WORTH_KEEPING:
        _keep(run, read)


def _tail(path: str, offset: int) -> str:
    try:
        with open(path, "rb", opener=regular) as file:
            file.seek(max(0, offset - _TAIL))
            return file.read(min(offset, _TAIL)).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _keep(run: Run, read: list[Summary]) -> None:
    content = {
        os.path.basename(one.path): {
            "task": one.task,
            "well": one.words.well,
            "events": [*map(encode, one.words.events())],
            "offset": one.offset,
            "tail": one.tail,
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


def _summary(run: Run, name: str, *, task: Any, well: list[Any], events: list[Any], offset: Any, tail: Any) -> Summary:
    words = _words(well, events)
    numbers = chain(well, [task, offset])
    if not ({int}.issuperset(map(type, numbers)) and isinstance(tail, str) and 0 <= offset <= sys.maxsize):
        raise TypeError(name)
    return Summary(run, os.path.join(run.folder, name), task, words, offset, tail)


def _folded(run: Run, told: Words) -> Summary:
    records = [record for record in told.records if parse(record) is not None]
    return Summary(run, os.path.join(run.folder, told.name), told.task, _words(indices_of(told.well), records))


def _words(well: Iterable[int], records: Iterable[Any]) -> LastWords:
    """Return the last words that are these. Raise TypeError for a record that is none."""
    words = LastWords()
    words.well.extend(well)
    for record in records:
        event = parse(record)
        if event is None:
            raise TypeError(f"{record!r:.50} is not a record")
        words.add(event)
    return words
