"""Write down that outputs are outdated: they are to be made again, and stand until each new one is whole."""

from __future__ import annotations

from collections.abc import Container, Sequence

import attrs

from jor.planning.claims import makers
from jor.planning.planner import Survey, again, reason_to_overwrite, time_of_mark
from jor.planning.status import Status
from jor.planning.unseen import Ask
from jor.runs.lease import Lease
from jor.runs.marks import Mark, Marks, Names, change_marks
from jor.runs.store import unwritable
from jor.runtime.outputs import output_name

from ..formatting import counted, jobs_of
from .planning import Say, planning


@attrs.frozen
class Marking:
    """The entries as they are after marking."""

    surveys: Sequence[Survey]
    #: Whether outputs that are to be marked are not, since somebody may be making them.
    held_back: bool = False


def mark_outdated(surveys: Sequence[Survey], ask: Ask, say: Say, *, only_first: bool, known: Container[str]) -> Marking:
    """Mark the outputs of those of the entries that are to be overwritten; with `only_first`, the first alone.

    All are marked before anything is started. `known` are the folders of records that makers tells of.
    """
    marked: list[Survey] = []
    held_back = False
    is_first = True
    for found in surveys:
        by = reason_to_overwrite(found) if found.status.total and (is_first or not only_first) else ""
        if by:
            found, is_marked = _mark(found, ask, say, only_first=only_first, known=known)
            held_back |= not is_marked
        is_first &= not found.status.total
        marked.append(found)
    return Marking(marked, held_back)


def _mark(found: Survey, ask: Ask, say: Say, *, only_first: bool, known: Container[str]) -> tuple[Survey, bool]:
    """Return the entry as it is then, and whether its outputs were marked."""
    with planning(found, ask, say) as (now, lease):
        by = reason_to_overwrite(now)
        if not by:
            return now, True  # another command has marked them meanwhile
        why_not = _being_made(now, ask, lease, known)
        if why_not:
            say(f"{found.entry.label}: no output is marked as outdated: {why_not}")
            return now, False
        # Those that are not whole as well: only records tell that, and they may be deleted.
        absent = frozenset(now.history.absent)
        indices = [index for index in range(1 if only_first else now.status.total) if index not in absent]
        mark = Mark(time_of_mark(now), by, Names.of(now.jobs, now.history.places, indices))
        is_setting = "overwrite-output" not in found.config.command_line and not only_first

        def change(marks: Marks) -> Marks:
            marks = marks.with_outdated(mark) if indices else marks
            return marks.with_setting(found.entry.key, mark.since) if is_setting else marks

        try:
            change_marks(found.folder, change)
        except OSError as error:
            raise unwritable(error, found.records) from error
        (now,) = again([now], lease.taken, ask)
    if indices:
        say(f"{found.entry.label}: {counted(len(indices), 'output')} marked as outdated by {by}")
    return now, True


def _being_made(found: Survey, ask: Ask, lease: Lease, known: Container[str]) -> str:
    """Return who makes outputs of an entry at this moment, as far as is known; "" for nobody."""
    status = found.status
    if status.active:
        count = sum(status.counts[state] for state in (Status.RUNNING, Status.QUEUED, Status.UNKNOWN))
        names = ", ".join(carrier.name for carrier in status.active)
        notes = [note for carrier in status.active for note in carrier.notes]
        again_ = "again " if status.old else ""
        who = f"{jobs_of(count)} {'is' if count == 1 else 'are'} being run {again_}by {names}" if count else ""
        return "; ".join([*([who] if who else []), *notes]) or f"{names} may be making jobs of it"
    claimed = makers(found, ask, lease.taken, known)
    mine = [claimed[name] for index in range(status.total) if (name := output_name(found.jobs, index)) in claimed]
    return f"{jobs_of(len(mine))} left to {', '.join(sorted(set(mine)))}" if mine else ""
