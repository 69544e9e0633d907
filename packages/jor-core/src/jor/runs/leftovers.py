"""Staging folders of workers that cannot be seen from here: of other hosts, and of containers that are no more."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from ..runtime.process_id import Owner
from ..runtime.run_folder import Run
from .journal_index import summaries
from .lease import STALE_AFTER, holder
from .store import newest_first, partial_folder

#: Tells of an array task or worker whether its end is known: False if it may go on, None if nobody can say.
Ended = Callable[[Run, int], "bool | None"]


def unasked(run: Run, _task: int) -> bool | None:
    """Tell that an array task may go on as long as its batch system is not asked."""
    return False if os.path.exists(run.places) else None


def abandoned(records: str, now: float, ended: Ended) -> frozenset[str]:
    """Return the owners of staging folders of an entry that are gone, on whatever host they were.

    To be asked by who is planning the entry with the folder `records`; `now` is the time by the clock that stamps files
    there. Those are gone that have told their end, or of which it is known; and those of whom nothing has been heard
    for the time of a lease, neither in their journals nor in their folders, if no submission that goes on names them.
    """
    partial = partial_folder(records)
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for name in os.listdir(partial) if os.path.isdir(partial) else ():
        owner = Owner.parse(name.rpartition("~")[0])
        if owner is not None and not owner.is_running():
            folders[str(owner)].append(os.path.join(partial, name))
    gone: set[str] = set()
    living: set[str] = set()
    for run in newest_first(records, folded=False) if folders else ():
        is_held = holder(run.alive, now) is not None
        for found in summaries(run):
            text = found.words.owner
            if text not in folders:
                continue
            is_over = True if found.words.over else ended(run, found.task)
            if is_over:
                gone.add(text)
            elif is_held or is_over is False:
                living.add(text)
            else:
                folders[text].append(found.path)
    silent = {text for text, paths in folders.items() if _is_older(paths, now - STALE_AFTER)}
    return frozenset(gone | silent) - living


def _is_older(paths: Iterable[str], limit: float) -> bool:
    """Tell whether these files and folders, and all that is in them, were changed before `limit` for the last time."""
    try:
        return all(os.lstat(each).st_mtime < limit for path in paths for each in _with_all_inside(path))
    except FileNotFoundError:
        return False  # somebody is at work there


def _with_all_inside(path: str) -> Iterator[str]:
    yield path
    for folder, below, files in os.walk(path):
        yield from (os.path.join(folder, name) for name in (*below, *files))
