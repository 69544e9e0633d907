"""Write down that outputs are outdated: they are to be made again, and stand until each new one is whole."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jor.planning.claims import Claims, Known
from jor.planning.planner import Survey, again, reason_to_overwrite, time_of_mark
from jor.planning.status import Status
from jor.planning.unseen import Ask
from jor.runs.marks import Mark, Marks, Names, change_marks
from jor.runs.store import unwritable

from ..formatting import counted, jobs_of
from .choice import Choice
from .planning import Hold, Say, by_folder, planning


@attrs.frozen
class Marking:
    """The entries as they are after marking."""

    surveys: Sequence[Survey]
    #: Whether outputs that are to be marked are not, since somebody may be making them.
    held_back: bool = False


def mark_outdated(
    surveys: Sequence[Survey], ask: Ask, say: Say, *, only_first: bool, choice: Choice, known: Known
) -> Marking:
    """Mark the outputs of those of the entries that are to be overwritten; with `only_first`, the first alone.

    All are marked before anything is started. `known` are the entries of the todo-list.
    """
    listing = [found for found in surveys if found.status.total]
    chosen = [found for found in (listing[:1] if only_first else listing) if reason_to_overwrite(found)]
    now: dict[str, Survey] = {}
    held_back = False
    for group in by_folder(chosen):
        with planning(group, ask, say, known) as held:
            for found in held.entries:
                now[found.records], is_marked = _mark(found, held, ask, say, only_first=only_first, choice=choice)
                held_back |= not is_marked
    return Marking([now.get(found.records, found) for found in surveys], held_back)


def _mark(now: Survey, held: Hold, ask: Ask, say: Say, *, only_first: bool, choice: Choice) -> tuple[Survey, bool]:
    """Return the entry as it is then, and whether its outputs were marked."""
    by = reason_to_overwrite(now)
    if not by:
        return now, True  # another command has marked them meanwhile
    why_not = _being_made(now, held.claims)
    if why_not:
        say(f"{now.entry.label}: no output is marked as outdated: {why_not}")
        return now, False
    # Those that are not whole as well: only records tell that, and they may be deleted.
    absent = frozenset(now.history.absent)
    chosen = choice.of(now)[:1] if only_first else choice.of(now)
    indices = [index for index in chosen if index not in absent]
    mark = Mark(time_of_mark(now), by, Names.of(now.jobs, now.history.places, indices))
    is_setting = "overwrite-output" not in now.config.command_line and not only_first and choice.is_all

    def change(marks: Marks) -> Marks:
        marks = marks.with_outdated(mark) if indices else marks
        return marks.with_setting(now.entry.key, mark.since) if is_setting else marks

    try:
        change_marks(now.folder, change)
    except OSError as error:
        raise unwritable(error, now.records) from error
    (marked,) = again([now], held.lock.taken, ask)
    if indices:
        say(f"{now.entry.label}: {counted(len(indices), 'output')} marked as outdated by {by}")
    return marked, True


def _being_made(found: Survey, claimed: Claims) -> str:
    """Return who makes outputs of an entry at this moment, as far as is known; "" for nobody."""
    status = found.status
    if status.active:
        count = sum(status.counts[state] for state in (Status.RUNNING, Status.QUEUED, Status.UNKNOWN))
        names = ", ".join(carrier.name for carrier in status.active)
        notes = [note for carrier in status.active for note in carrier.notes]
        again_ = "again " if status.old else ""
        who = f"{jobs_of(count)} {'is' if count == 1 else 'are'} being run {again_}by {names}" if count else ""
        return "; ".join([*([who] if who else []), *notes]) or f"{names} may be making jobs of it"
    mine = claimed.on(found, range(status.total))
    return f"{jobs_of(len(mine))} left to {', '.join(sorted(set(mine.values())))}" if mine else ""
