"""Being the only one who plans in an output folder, with all tidied up that the dead have left there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import attrs

from jor import BusyError, JorError
from jor.planning.claims import NO_CLAIMS, Claims, Known, claims
from jor.planning.ended import ended
from jor.planning.planner import Survey, again
from jor.planning.unseen import Ask
from jor.runs.folder_lock import FolderLock, hold, lock_of, real_folders
from jor.runs.folding import beyond, fold
from jor.runs.journals import ended_well
from jor.runs.lease import PATIENCE, Lease, clear
from jor.runs.leftovers import abandoned, unasked
from jor.runs.marks import change_marks
from jor.runs.orphans import outliving
from jor.runs.store import partial_folder, sweep_unfinished, unwritable
from jor.runtime.old_outputs import OldOutputs
from jor.runtime.process_id import Owner
from jor.runtime.run_folder import Run
from jor.runtime.staging import sweep

#: Tells the user a sentence.
Say = Callable[[str], None]


@attrs.frozen
class Hold:
    """Entries of one folder as they are while this process is the only one who plans there."""

    entries: Sequence[Survey]
    lock: FolderLock
    #: What others are making there.
    claims: Claims


def by_folder(entries: Iterable[Survey]) -> list[list[Survey]]:
    """Return the entries of each output folder, which may have several names, in the order of the first of each."""
    real = real_folders()
    groups: dict[str, list[Survey]] = {}
    for found in entries:
        groups.setdefault(real(found.folder), []).append(found)
    return [*groups.values()]


@contextmanager
def planning(entries: Sequence[Survey], ask: Ask, say: Say, known: Known | None = None) -> Iterator[Hold]:
    """Be the only one who plans in the one folder of `entries`; give them as they are now, which may be other.

    With the `known` entries of the todo-list, it is looked at what others are making.
    """
    first = entries[0]
    subfolders = frozenset[str]().union(*(found.subfolders for found in entries))
    with ExitStack() as stack:
        try:
            for found in entries:
                # Also where it is there: NFS may remember that it was not, and what others have submitted with it.
                os.makedirs(os.path.join(found.records, "runs"), exist_ok=True)
            lock = stack.enter_context(hold(first.folder, subfolders, lambda owner: say(_waiting(first, owner))))
        except OSError as error:
            raise unwritable(error, first.records) from error
        for found in entries:
            _await_workers(found, say, lock)
        # Before the outputs: what is being made no more at this moment has been made then.
        claimed = NO_CLAIMS if known is None else claims(lock.folders, known, ask, lock.taken)
        held = Hold([_tidied(found, lock, ask) for found in again(entries, lock.taken, ask)], lock, claimed)
        yield held
        for found in held.entries:
            _fold_old(found, lock)  # last: who plans may still have to look into their folders


def _fold_old(found: Survey, lock: FolderLock) -> None:
    """Fold old submissions, so that neither files nor the time of each command grow with how often jobs were run."""
    if not found.config["keep-runs"]:
        with suppress(OSError, JorError):  # the next one will; their folders stay
            old = beyond(found.records)
            if old or os.path.exists(os.path.join(found.records, "folded")):
                fold(found.records, ended(old, found.history, found.carriers, lock.taken), lock)


def _tidied(now: Survey, lock: FolderLock, ask: Ask) -> Survey:
    """Delete what the dead have left of an entry; return it as it is then."""
    sweep_unfinished(now.records, lock.taken)
    sweep(partial_folder(now.records), lambda: now.history.gone(now.carriers, lock.taken), now.folder)
    if _settle_old_outputs(now):
        (now,) = again([now], lock.taken, ask)
    tidy_marks(now)
    return now


def tidy(entries: Sequence[Survey], ask: Ask, say: Say) -> None:
    """Delete what the dead have left of entries that have nothing to be planned, and marks that were seen to."""
    for group in by_folder(entries):
        lock = lock_of(group[0].folder)
        with suppress(OSError, JorError):
            clear(lock)
        for found in group:
            with suppress(OSError, JorError):  # it does no harm where it lies, and nothing is to be written there now
                _tidy(found, lock, ask, say)


def _tidy(found: Survey, lock: str, ask: Ask, say: Say) -> None:
    records, partial = found.records, partial_folder(found.records)
    if os.path.exists(os.path.join(records, "old")):
        with planning([found], ask, say):
            return
    if os.path.exists(records):
        sweep(partial, outputs=found.folder)
        if os.path.exists(partial):  # of other hosts, perhaps
            with suppress(FileExistsError), Lease(lock) as lease:
                sweep(partial, lambda: abandoned(records, lease.taken, unasked), found.folder)
        tidy_marks(found)


def tidy_marks(found: Survey) -> None:
    """Take the outputs that were made again since out of the marks, and the entry if nothing marks it any more."""
    history = found.history
    old = frozenset(found.status.old)
    names = frozenset(history.places.name(index) for index in history.marked if index not in old)
    is_off = not found.config["overwrite-output"] and found.entry.key in history.marks.settings
    if names or is_off:
        key = found.entry.key if is_off else ""
        with suppress(OSError, BusyError):  # the next one will
            change_marks(found.folder, lambda marks: marks.made_again(names, history.marks.newest).without_setting(key))


def _settle_old_outputs(found: Survey) -> bool:
    """Put old outputs back whose jobs, killed before, have written nothing; delete those that were made again.

    Return whether anything was put back. Nothing is done while anybody makes jobs of the entry.
    """
    history = found.history
    old = OldOutputs(Run(os.path.join(found.records, "runs", "any")), found.folder)
    names = old.names()
    if not names or found.status.active:
        old.delete_empty_folders()
        return False
    index_of, absent = history.places.index_of, frozenset(history.absent)
    known = {index_of[name]: name for name in names if name in index_of and index_of[name] not in history.halves}
    last = history.last_records(known)
    for index, name in known.items():
        if index in absent and not ended_well(last.get(index)):
            old.put_back(name)
        else:
            old.delete(name)
    return bool(known)


def _await_workers(found: Survey, say: Say, lock: FolderLock) -> None:
    """Wait until the workers of a command that was killed have ended, so that no job runs twice at once."""
    deadline = time.monotonic() + PATIENCE
    told = False
    while owner := outliving(found.records, lock.taken):
        if not told:
            who = f"process {owner.pid} on {owner.host}, which works for a jor run that was killed"
            say(f"{found.entry.label}: waiting for {who}")
            told = True
        if time.monotonic() > deadline:
            raise BusyError(
                f"process {owner.pid} works for a jor run that was killed, and has not ended in {PATIENCE:.0f} seconds",
                where=found.records,
                remedy="Kill it, and run again",
            )
        time.sleep(0.05)


def _waiting(found: Survey, owner: Owner) -> str:
    suspended = f" and is suspended: fg, or kill -CONT {owner.pid}" if owner.is_suspended() else ""
    return f"{found.entry.label}: waiting for process {owner.pid} on {owner.host}, which is planning{suspended}"
