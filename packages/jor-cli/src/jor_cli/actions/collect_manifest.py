"""What a collection covers: a note, in the records beside the outputs, of which outputs went in and which are missing.

It stands in the folder of records since a class may well collect whatever lies in the folder of its outputs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from jor import __version__
from jor.planning.planner import Survey
from jor.runs.submission import ranges, sha256_of, timestamp
from jor.runtime.outputs import Listing, absent_outputs
from jor.runtime.record_files import read_record, regular
from jor.runtime.staging import stamp

from ..analysis.failures import cause_of
from ..files import halfway, put

#: Version of the note.
VERSION = 1
#: Files beside the outputs that are looked at to find those that collect has made; of more, none are told.
MOST_FILES = 10_000


def note_of(records: str) -> str:
    """Return the path of the note of an entry with the folder `records`."""
    return os.path.join(records, "collected.json")


def read_note(records: str) -> Mapping[str, Any] | None:
    """Return the content of the note; None if there is none, or none that can be read."""
    try:
        content = json.loads(read_record(note_of(records)))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("version") == VERSION else None


def begin(found: Survey) -> int:
    """Say in the note of an earlier collection, if there is one, that another has begun and not succeeded.

    Return the time by the clock that stamps files there, nanoseconds since the epoch. Raise OSError.
    """
    os.makedirs(found.records, exist_ok=True)
    earlier = read_note(found.records)
    if earlier is not None:
        _write(found.records, {**earlier, "unfinished_since": timestamp()})
    return _now(found.records)


def finish(found: Survey, began: int) -> str:
    """Write the note of a collection that has succeeded, and that `begin` said began; return its path.

    Raise OSError when it cannot be written, JobModuleError when the class has come to list other jobs meanwhile.
    """
    listing = Listing(found.folder)
    absent = absent_outputs(found.jobs, listing)
    _write(found.records, coverage(found, absent, _made(listing, began)))
    return note_of(found.records)


def coverage(found: Survey, absent: Sequence[int], made: Sequence[str] | None) -> dict[str, Any]:
    """Return what a collection of an entry as it was `found` covers.

    `absent` are the jobs whose outputs were not there at its end, `made` the files that it has made.
    """
    entry, total = found.entry, found.status.total
    missing = sorted({*found.history.unfit, *found.status.old})
    came = set(missing).difference(absent, found.left_out)
    went = set(absent).difference(missing)
    return {
        "version": VERSION,
        "jor": __version__,
        "collected": timestamp(),
        "entry": entry.title,
        "jobmodule": entry.jobmodule,
        "jobargs": entry.arguments,
        "source_sha256": sha256_of(entry.jobmodule),
        "output_folder": found.folder,
        "made": made,
        "total": total,
        "included": {"count": total - len(missing), "jobs": _others(missing, total)},
        "suspect": sorted(found.status.suspect),
        "uncertain": ranges(sorted(came | went)),
        "old": ranges(found.status.old),
        "missing": list(_reasons(found, missing)),
    }


def _reasons(found: Survey, missing: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield the jobs that are missing by the reasons why; those that differ in numbers alone are one."""
    problems = {problem.index: problem for problem in found.status.problems}
    pending, states = frozenset(found.status.pending), found.status.unfinished
    groups: dict[tuple[str, str], list[int]] = {}
    for index in missing:
        problem = problems.get(index)
        if problem is not None:
            groups.setdefault((problem.status.value, cause_of(problem)), []).append(index)
        else:
            state = states[index].value if index in pending else "running or queued"
            groups.setdefault((state, ""), []).append(index)
    for (status, reason), jobs in groups.items():
        reason = problems[jobs[0]].reason if reason else ""
        yield {"status": status, "reason": reason, "count": len(jobs), "jobs": ranges(jobs)}


def _others(indices: Sequence[int], total: int) -> Iterable[tuple[int, int]]:
    """Return those of 0 .. `total`-1 that are not among the ascending `indices`, first and last of each range."""
    found = []
    begin = 0
    for first, last in [*ranges(indices), (total, total)]:
        if begin < first:
            found.append((begin, first - 1))
        begin = last + 1
    return found


def _made(listing: Listing, began: int) -> list[str] | None:
    """Return the files beside the outputs that are as new as the collection; None if there are too many to look at."""
    names = listing.unclaimed()
    if len(names) > MOST_FILES:
        return None
    stamps = {name: stamp(os.path.join(listing.folder, name)) for name in names}
    return sorted(name for name, found in stamps.items() if found is not None and found[1] >= began)


def _write(records: str, content: Mapping[str, Any]) -> None:
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    with suppress(FileNotFoundError):
        os.close(regular(note_of(records), os.O_RDONLY))  # what is no file is not written to
    put(note_of(records), ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _now(records: str) -> int:
    """Return the time by the clock that stamps files there, which may be another machine's."""
    probe = halfway(note_of(records))
    with open(probe, "xb") as file:
        now = os.fstat(file.fileno()).st_mtime_ns
    os.unlink(probe)
    return now
