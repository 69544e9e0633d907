"""Follow submitted jobs to their end: show how far they are, submit again what failed and what limits held back."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

import attrs

from jor import BusyError
from jor.local.scheduler import Progress
from jor.planning.claims import known_entries
from jor.planning.planner import Survey, again
from jor.planning.status import Status, summed
from jor.runs.journals import Journals
from jor.runs.store import is_copied, newest_first, planned_at, read
from jor.runs.submission import compact
from jor.runtime.events import Begin
from jor.runtime.signals import Watch
from jor.todo.entry import Entry
from jor_slurm import CommandError, RefusedError

from ..errors import FAILED, LATER, message
from ..formatting import jobs_of
from ..rendering.progress import view
from ..rendering.status import as_text
from ..terminal import echo
from ..workspace import Workspace
from .planning import tidy_marks
from .run import Manner, plan_folder

#: Seconds between two polls, at most; they begin at `Backend.pause`.
LONGEST = 60.0


def wait(workspace: Workspace, entries: Sequence[Entry], manner: Manner) -> int:
    """Wait until no job of `entries` runs or is queued any more, and none is to be submitted; return the exit code.

    A signal ends the waiting, not the jobs.
    """
    watch = Watch()  # first: a look may take long, and a signal may come meanwhile
    try:
        return _wait(workspace, entries, manner, watch)
    finally:
        watch.close()


def _wait(workspace: Workspace, entries: Sequence[Entry], manner: Manner, watch: Watch) -> int:
    backend = workspace.cluster.backend
    backend.refresh()
    surveys: Sequence[Survey] = list(workspace.survey(entries))
    manner = attrs.evolve(manner, known=known_entries(surveys))
    told: set[str] = set()
    pause = backend.pause
    terminal = sys.stdout.isatty()
    with view(quiet=manner.quiet, terminal=terminal) as live:
        while True:
            progress = _progress(surveys)
            live.show(progress)
            idle = [found for found in surveys if not found.status.is_awaited]
            submitted = [None if manner.only_first else _top_up(workspace, found, manner, told) for found in surveys]
            if len(idle) == len(surveys) and all(count is None for count in submitted):
                break
            pause = backend.pause if any(submitted) else min(pause * 1.3, LONGEST)
            watch.sleep(min(pause, max(manner.deadline - time.monotonic(), 0)))
            if time.monotonic() > manner.deadline:
                break
            if watch.stopping:
                return _left(manner, watch)
            backend.refresh()
            surveys = again(surveys, ask=backend.view)
    for found in surveys:
        tidy_marks(found)
    is_well = progress.done == progress.total or (manner.only_first and not progress.failed)
    if not manner.silent and not (manner.quiet and is_well):
        echo(as_text(surveys, workspace.changes, colours=terminal))
    is_held_back = any(found.status.unknown for found in surveys) and not progress.failed
    return 0 if is_well else LATER if is_held_back else FAILED


def _progress(surveys: Sequence[Survey]) -> Progress:
    counts = summed(found.status.counts for found in surveys)
    return Progress(
        total=sum(counts.values()),
        done=counts[Status.DONE],
        failed=counts[Status.FAILED],
        interrupted=counts[Status.INTERRUPTED],
        running=counts[Status.RUNNING],
    )


def _top_up(workspace: Workspace, found: Survey, manner: Manner, told: set[str]) -> int | None:
    """Submit what has not been yet, and again what may be tried again; return how many arrays, None if no such is left.

    Why jobs are held back, or refused for good, is said once; it is kept in `told`.
    """
    if not found.status.pending or found.config["scheduler"] == "local" or found.records in told:
        return None
    spent = _spent(found, manner.began)
    if len(found.status.pending) == len(spent):
        return None
    manner = attrs.evolve(manner, spent={found.records: spent}, quiet=True)
    try:
        _, outcomes = plan_folder(workspace, [found], manner, {found.records: workspace.worker_command(found)})
    except (BusyError, CommandError) as error:
        echo(message(error), err=True)
        return 0
    except RefusedError as error:
        echo(message(error), err=True)
        told.add(found.records)
        return 0  # others of its jobs may have been accepted
    if not outcomes:
        return None
    ((_, outcome),) = outcomes
    if outcome.held_back and outcome.why not in told:
        echo(f"[jor] {found.entry.label}: {jobs_of(outcome.held_back)} held back: {outcome.why}", err=True)
        told.add(outcome.why)
    return len(outcome.submitted) if outcome.submitted or outcome.held_back else None


def _spent(found: Survey, began: str) -> frozenset[int]:
    """Return the pending jobs that were submitted as often as they may be since the command began.

    It does not count where a job was not begun, and its task died of another one.
    """
    pending = found.status.pending
    tries: Counter[int] = Counter()
    since = itertools.takewhile(lambda run: planned_at(run) >= compact(began), newest_first(found.records))
    for run, submission in ((run, read(run)) for run in since):
        if submission.batch is not None and not is_copied(run, submission):
            moves, task_of = found.history.places.of(run, submission), submission.task_of()
            planned = [
                index
                for first, last in moves.planned(submission)
                for index in pending[bisect_left(pending, first) : bisect_right(pending, last)]
            ]
            begun = Journals(run, moves).of_jobs if planned else {}
            dead = {task_of(moves.then(index)) for index, event in begun.items() if isinstance(event, Begin)}
            tries.update(index for index in planned if index in begun or task_of(moves.then(index)) not in dead)
    return frozenset(index for index, count in tries.items() if count > found.config["retries"])


def _left(manner: Manner, watch: Watch) -> int:
    number = watch.stopped_by or signal.SIGINT
    if not manner.quiet:
        echo("[jor] The jobs go on without this command; jor status tells how they are")
    return 128 + number
