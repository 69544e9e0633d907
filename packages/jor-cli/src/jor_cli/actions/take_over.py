"""Take over what somebody else has who is gone: revoke it in the shared folder, and wait until that is seen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from jor.planning.planner import Survey
from jor.planning.status import Phase
from jor.runs.lease import STALE_AFTER, server_time
from jor.runs.store import revoke
from jor.runs.submission import ranges, user_name
from jor.runtime.signals import Watch
from jor.todo.entry import Entry

from ..formatting import jobs_of, told_seconds
from ..workspace import Workspace
from .planning import Say, planning


def take_over(workspace: Workspace, entries: Sequence[Entry], say: Say) -> int:
    """Revoke the tasks of `entries` that cannot be asked for, and wait as long as they may go on; return 0.

    Those that can be asked for, or are heard of, are left alone. A signal ends the waiting: return the exit code.
    """
    cluster = workspace.cluster
    delay = 0.0
    for found in workspace.survey(entries, cluster.ask):
        if found.status.unknown:
            with planning(found, cluster.ask, say) as (now, _):
                left = _revoked(now)
            if left:
                delay = max(delay, left)
                names = ", ".join(carrier.name for carrier in now.status.active)
                say(f"{found.entry.label}: {jobs_of(len(now.status.unknown))} taken over from {names}")
    if not delay:
        return 0
    say(f"what may still run of them has {told_seconds(delay)} to see it")
    watch = Watch()
    try:
        deadline = time.monotonic() + delay
        while (left := deadline - time.monotonic()) > 0 and not watch.stopping:
            watch.sleep(left)
    finally:
        watch.close()
    cluster.refresh()
    return 128 + (watch.stopped_by or signal.SIGINT) if watch.stopping else 0


def _revoked(found: Survey) -> float:
    """Revoke what cannot be asked for of an entry; return for how many seconds it may go on."""
    delay = 0.0
    for run, _submission in found.history.batches:
        carrier = found.carriers[run]
        unknown = [task for task in carrier.doubtful if carrier.state_of(task).phase is Phase.UNKNOWN]
        revoked = run.revocations() if unknown else ()
        fresh = [task for task in unknown if not any(first <= task <= last for first, last, _ in revoked)]
        revoke(run, ranges(fresh), f"its jobs were taken over by {user_name()}")
        if unknown:
            age = server_time(run.revoked) - os.stat(run.revoked).st_mtime
            delay = max(delay, STALE_AFTER - max(age, 0) + 1)
    return delay
