"""Which outputs are being made by submissions that a list of jobs, as it is now, does not tell of.

A submission of another entry with the same folder (the same class with other arguments, say) is known by the outputs
that it has planned.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping

from ..runs.lease import holder
from ..runs.orphans import orphaned
from ..runs.store import is_copied, newest_first, read
from ..runtime.job_spec import planned
from ..runtime.run_folder import Run
from .planner import Survey
from .status import Carrier
from .unseen import Ask, ask_for


def makers(found: Survey, ask: Ask, now: float, entries: Container[str] = ()) -> Mapping[str, str]:
    """Return the outputs in the folder of an entry that others may be making, and what to call who makes them.

    `entries` are folders of records that need no look: the outputs of those entries are known to be others. `now` is
    the time by the clock that stamps files there.
    """
    top = os.path.dirname(found.records)
    known = dict(found.history.submissions)  # the states of the jobs say what these are making
    strangers = [
        (run, read(run))
        for name in sorted(os.listdir(top))
        if (records := os.path.join(top, name)) == found.records or records not in entries
        for run in newest_first(records, folded=False)
        if run not in known
    ]
    strangers = [(run, submission) for run, submission in strangers if not is_copied(run, submission)]
    batches = [one for one in strangers if one[1].batch is not None]
    carriers = ask_for(batches, ask, now)
    made: dict[str, str] = {}
    for run, _ in strangers:
        if name := _at_work(run, carriers.get(run), now):
            made.update((job.output, name) for job in planned(run))
    return made


def _at_work(run: Run, carrier: Carrier | None, now: float) -> str:
    """Return what to call who carries a submission out, "" if nobody does; `carrier` is a batch system's."""
    if carrier is not None:
        return carrier.name if carrier.is_active else ""
    owner = holder(run.alive, now) or orphaned(run, now)
    return f"process {owner.pid} on {owner.host}" if owner else ""
