"""Which outputs are being made by submissions that a list of jobs, as it is now, does not tell of.

The state of a job goes by its index in its entry. A submission of another entry with the same folder (the same class
with other arguments, say), or of the same entry before jobs were put in front of others in its list, is known by the
outputs that it has planned.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping

from .history import Ask
from .lock import holder
from .plan import Survey
from .runtime.jobs import JobsBase
from .runtime.outputs import output_name
from .runtime.records import Run, planned, source_checksum
from .submission import newest_first, read


def makers(found: Survey, ask: Ask, now: float, entries: Container[str] = ()) -> Mapping[str, str]:
    """Return the outputs in the folder of an entry that others may be making, and what to call who makes them.

    `entries` are folders of records that need no look: the outputs of those entries are known to be others. `now` is
    the time by the clock that stamps files there.
    """
    top = os.path.dirname(found.records)
    source = source_checksum(found.entry.jobmodule)
    counted = {
        run
        for run, submission in found.history.submissions
        if submission.source_crc32 == source or _counts_alike(run, found.jobs)
    }
    others = [
        (run, read(run))
        for name in sorted(os.listdir(top))
        if (records := os.path.join(top, name)) == found.records or records not in entries
        for run in newest_first(records)
        if run not in counted
    ]
    batches = [one for one in others if one[1].batch is not None]
    carriers = dict(zip([run for run, _ in batches], ask(batches) if batches else (), strict=True))
    names = {run: carriers[run].name if carriers[run].is_active else "" for run, _ in batches}
    names.update({run: _local(run, now) for run, submission in others if submission.batch is None})
    return {job.output: names[run] for run, _ in others if names[run] for job in planned(run)}


def _counts_alike(run: Run, jobs: JobsBase) -> bool:
    """Tell whether the jobs of a submission have the indices that jobs with their outputs have now."""
    total = len(jobs)
    return all(job.index < total and output_name(jobs, job.index) == job.output for job in planned(run))


def _local(run: Run, now: float) -> str:
    owner = holder(run.alive, now)
    return f"process {owner.pid} on {owner.host}" if owner else ""
