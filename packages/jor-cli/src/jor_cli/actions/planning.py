"""Being the only one who plans an entry, with all tidied up that the dead have left of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from jor import BusyError, JorError
from jor.planning.ended import ended
from jor.planning.planner import Survey, again
from jor.planning.unseen import Ask
from jor.runs.folding import beyond, fold
from jor.runs.journals import ended_well
from jor.runs.lease import PATIENCE, Lease, acquire, clear
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


@contextmanager
def planning(found: Survey, ask: Ask, say: Say) -> Iterator[tuple[Survey, Lease]]:
    """Be the only one who plans this entry; give the entry as it is now, which may be other than it was."""
    records = found.records
    try:
        # Also where it is there already: NFS may remember that it was not, and what others have submitted with it.
        os.makedirs(os.path.join(records, "runs"), exist_ok=True)
        lease = acquire(os.path.join(records, "lock"), lambda owner: say(_waiting(found, owner)))
    except OSError as error:
        raise unwritable(error, records) from error
    with lease:
        _await_workers(found, say, lease)
        (now,) = again([found], lease.taken, ask)
        clear(lease.path)
        sweep_unfinished(records, lease.taken)
        sweep(partial_folder(records), lambda: now.history.gone(now.carriers, lease.taken), now.folder)
        if _settle_old_outputs(now):
            (now,) = again([now], lease.taken, ask)
        tidy_marks(now)
        yield now, lease
        _fold_old(now, lease)  # last: who plans may still have to look into their folders


def _fold_old(found: Survey, lease: Lease) -> None:
    """Fold old submissions, so that neither files nor the time of each command grow with how often jobs were run."""
    if not found.config["keep-runs"]:
        with suppress(OSError, JorError):  # the next one will; their folders stay
            old = beyond(found.records)
            if old or os.path.exists(os.path.join(found.records, "folded")):
                fold(found.records, ended(old, found.history, found.carriers, lease.taken), lease)


def tidy(found: Survey, ask: Ask, say: Say) -> None:
    """Delete what the dead have left of an entry that has nothing to be planned, and marks that were seen to."""
    records = found.records
    with suppress(OSError, JorError):  # it does no harm where it lies, and nothing is to be written there now
        if os.path.exists(os.path.join(records, "old")):
            with planning(found, ask, say):
                return
        if os.path.exists(records):
            clear(os.path.join(records, "lock"))
            partial = partial_folder(records)
            sweep(partial, outputs=found.folder)
            if os.path.exists(partial):  # of other hosts, perhaps
                with suppress(FileExistsError), Lease(os.path.join(records, "lock")) as lease:
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


def _await_workers(found: Survey, say: Say, lease: Lease) -> None:
    """Wait until the workers of a command that was killed have ended, so that no job runs twice at once."""
    deadline = time.monotonic() + PATIENCE
    told = False
    while owner := outliving(found.records, lease.taken):
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
    return f"{found.entry.label}: waiting for process {owner.pid} on {owner.host}, which is planning"
