"""Which submissions of an entry have ended, so that they may be folded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from ..runs.folding import Ended
from ..runs.journals import may_live
from ..runs.lease import holder
from ..runs.orphans import orphaned
from ..runs.submission import Submission, seconds_of
from ..runtime.past import TaskEnds
from ..runtime.run_folder import Run
from .history import History
from .status import Carrier, Phase, TaskState

#: Seconds without a sign of life of a worker or task that cannot be seen from here, after which it is taken for dead.
SILENT_FOR = 30 * 86400.0
#: Seconds after which a batch system that has lost a task will not tell any more how that ended.
TOLD_WITHIN = 3600.0


def ended(runs: Iterable[Run], history: History, carriers: Mapping[Run, Carrier], now: float) -> Iterator[Ended]:
    """Yield those of the submissions `runs` of an entry of which nothing is active, or may live.

    To be asked by who is planning the entry; `now` is the time by the clock that stamps files there.
    """
    known = dict(history.submissions)
    for run in runs:
        submission = known.get(run)
        found = _ended(run, submission, carriers.get(run), now) if submission is not None else None
        if found is not None:
            yield found


def _ended(run: Run, submission: Submission, carrier: Carrier | None, now: float) -> Ended | None:
    """Return a submission with how its tasks ended; None if anything of it is active, or may live."""
    if submission.batch is None:
        is_over = holder(run.alive, now) is None and orphaned(run, now) is None
        may_go_on = is_over and may_live(run, range(sys.maxsize))
        return Ended(run, submission) if is_over and not (may_go_on and _is_recent(run, now)) else None
    if carrier is None or carrier.is_active:
        return None
    states = [carrier.state_of(task) for task in range(submission.tasks)]
    if any(state.phase is not Phase.OVER for state in states):
        return None
    lost = frozenset(task for task, state in enumerate(states) if state.may_live)
    if lost and (now < seconds_of(submission.created) + TOLD_WITHIN or (may_live(run, lost) and _is_recent(run, now))):
        return None
    return Ended(run, submission, _in_short(states))


def _is_recent(run: Run, now: float) -> bool:
    """Tell whether anything in the folder of a submission has changed in the last weeks."""
    newest = max((os.lstat(os.path.join(run.folder, name)).st_mtime for name in run.names()), default=now)
    return newest > now - SILENT_FOR


def _in_short(states: Sequence[TaskState]) -> list[TaskEnds]:
    """Return how tasks ended, those together that follow each other and ended alike; not those that ended well."""
    told = ((task, (state.reason, state.shortage.value if state.shortage else "")) for task, state in enumerate(states))
    alike = [(end, [task for task, _ in group]) for end, group in groupby(told, key=lambda one: one[1])]
    return [TaskEnds(tasks[0], tasks[-1], *end) for end, tasks in alike if any(end)]
