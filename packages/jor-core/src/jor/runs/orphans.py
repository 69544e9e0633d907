"""Workers that outlive the command that they work for."""

from __future__ import annotations

import os

from ..runtime.process_id import Owner
from ..runtime.run_folder import Run
from .journals import Journals
from .lease import holder
from .store import is_copied, newest_first, read


def outliving(records: str, now: float) -> Owner | None:
    """Return a worker that runs though the command that it worked for is dead; None if there is none.

    It ends by itself as soon as it notices. To be asked by who is planning the entry with the folder `records`; `now`
    is the time by the clock that stamps files there.
    """
    return next(filter(None, (orphaned(run, now) for run in newest_first(records, folded=False))), None)


def orphaned(run: Run, now: float) -> Owner | None:
    """Return a worker as `outliving` does, of one submission. If there is none, nobody goes on with that one."""
    if os.path.exists(run.alive) and holder(run.alive, now) is None:
        for _, text in Journals(run).owners:
            owner = Owner.parse(text)
            if owner is not None and owner.is_running() and not is_copied(run, read(run)):
                return owner
        try:
            os.unlink(run.alive)  # who stood still sees that it is gone, and the next time there is nothing to ask
        except OSError:
            pass  # it was gone already, and seen from a stale cache (NFS), or it is another user's
    return None
