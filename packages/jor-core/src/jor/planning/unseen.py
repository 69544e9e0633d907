"""What the shared folder tells of array tasks whose state their batch system leaves in doubt.

A worker that has been heard of within the time of a lease is at work, whatever a batch system says.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

import attrs

from ..runs.journals import Life, lives
from ..runs.lease import STALE_AFTER
from ..runs.submission import Submission, seconds_of
from ..runtime.run_folder import Run
from .status import Carrier, Phase, TaskState

#: Asks the batch systems once for all these submissions, and returns who carries out each.
Ask = Callable[[Sequence[tuple[Run, Submission]]], Sequence[Carrier]]

_WORDS = {Phase.AT_WORK: "running", Phase.WAITING: "queued"}


def ask_for(batches: Sequence[tuple[Run, Submission]], ask: Ask, now: float) -> dict[Run, Carrier]:
    """Return who carries out each of these submissions, as their batch systems and their workers tell.

    `now` is the time by the clock that stamps files in their folders.
    """
    carriers = ask(batches) if batches else ()
    told = zip(batches, carriers, strict=True)
    return {run: resolved(run, submission, carrier, now) for (run, submission), carrier in told}


def resolved(run: Run, submission: Submission, carrier: Carrier, now: float) -> Carrier:
    """Return `carrier` with what the shared folder tells of those of its tasks whose state is in doubt."""
    if not carrier.doubtful:
        return carrier
    told, revoked = lives(run), _revoked_for_long(run, now)
    states: dict[int, TaskState] = {}
    for task in carrier.doubtful:
        state = _heard(carrier.state_of(task), told.get(task), now)
        if state.phase is Phase.UNKNOWN:
            why = next((why for first, last, why in revoked if first <= task <= last), "")
            why = f"it was revoked: {why}" if why else _out_of_time(submission, carrier, told.get(task), now)
            state = TaskState(Phase.OVER, why, may_live=True) if why else state
        states[task] = state

    def state_of(task: int) -> TaskState:
        return states[task] if task in states else carrier.state_of(task)

    return attrs.evolve(
        carrier,
        state_of=state_of,
        is_active=any(state_of(task).phase is not Phase.OVER for task in range(submission.tasks)),
        notes=(*carrier.notes, *_notes(submission, carrier, states)),
    )


def _heard(state: TaskState, life: Life | None, now: float) -> TaskState:
    """Return the state of a task of whose worker `life` is known."""
    if life is None or state.phase in _WORDS:
        return state
    if life.over is not None:  # one that was stopped may have been requeued
        return state if life.over.stopped else TaskState(Phase.OVER, life.over.error)
    return TaskState(Phase.AT_WORK, doubt=state.doubt) if life.is_heard_of(now) else state


def _out_of_time(submission: Submission, carrier: Carrier, life: Life | None, now: float) -> str:
    """Return that the time of an unknown task is up, and the lease's after it; "" if it is not."""
    limit = submission.batch.time_limit if submission.batch else None
    # One that was never begun may wait for weeks, and be shown again in a moment, unless it can never be asked for.
    since = life.heard if life else seconds_of(submission.created) if carrier.is_elsewhere else None
    is_over = limit is not None and since is not None and since + limit + STALE_AFTER < now
    return "its time is up, and nothing has been heard of it" if is_over else ""


def _revoked_for_long(run: Run, now: float) -> Sequence[tuple[int, int, str]]:
    """Return which tasks were revoked longer ago than a worker lives that does not see it, and why."""
    try:
        is_long_ago = now - os.stat(run.revoked).st_mtime > STALE_AFTER
    except FileNotFoundError:
        return ()
    return run.revocations() if is_long_ago else ()


def _notes(submission: Submission, carrier: Carrier, states: Mapping[int, TaskState]) -> list[str]:
    """Return a sentence on each doubt that is left, with the number of tasks."""
    counts: dict[tuple[Phase, str], int] = {}
    for state in states.values():
        if state.doubt and state.phase is not Phase.OVER:
            counts[state.phase, state.doubt] = counts.get((state.phase, state.doubt), 0) + 1
    notes = []
    for (phase, doubt), count in counts.items():
        who = f"{count:,} {'task' if count == 1 else 'tasks'} of {carrier.name}"
        if phase in _WORDS:
            notes.append(f"{submission.label}: {who}: {_WORDS[phase]}, though {doubt}")
            continue
        whose = carrier.name if count == submission.tasks else who
        remedy = f"\n  If who has it is gone: jor run --take-over {submission.label}" if carrier.is_elsewhere else ""
        since = time.strftime("%H:%M:%S")
        notes.append(f"{submission.label}: the state of {whose} is unknown since {since}: {doubt}{remedy}")
    return notes
