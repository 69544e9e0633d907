"""From entries to jobs that have run: survey, plan, submit, carry out. Shared by run, submit and exec."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

import attrs

from jor import BusyError, RecordError
from jor.local.scheduler import carry_out
from jor.local.worker_pool import Assignment
from jor.planning.claims import Known, known_entries
from jor.planning.planner import Survey, again, choose, make_submission, reason_to_overwrite
from jor.planning.status import Status
from jor.planning.unseen import Ask
from jor.runs.folder_lock import FolderLock
from jor.runs.store import write
from jor.runs.submission import seconds_of, timestamp
from jor.runtime.old_outputs import OldOutputs
from jor.runtime.run_folder import Run
from jor.settings.config import Config
from jor.todo.entry import Entry

from ..analysis.draws import draws_of
from ..errors import FAILED, LATER, WRONG, message
from ..flags import COLLECTING, as_flags
from ..formatting import MOST_RANGES, jobs_of, told_indices, told_time
from ..rendering.progress import view
from ..rendering.runs import exit_code, show_batch, show_plan, show_result, told_held_back, told_submissions
from ..resources import local_workers
from ..terminal import echo
from ..workspace import Workspace
from .choice import EVERY_JOB, Choice
from .marking import Marking, mark_outdated
from .planning import Hold, by_folder, planning, tidy, tidy_marks
from .take_over import take_over

if TYPE_CHECKING:
    from jor_slurm import ArrayId

    from ..environments.worker_command import WorkerCommand
    from ..schedulers.slurm.scheduler import Backend
    from ..schedulers.slurm.submissions import Outcome, Prepared


#: Warnings that are told before jobs begin.
MOST_WARNINGS = 5


@attrs.frozen
class Manner:
    """How a command wants its jobs run and shown."""

    #: Only the first pending job of the first entry that has one.
    only_first: bool = False
    dry_run: bool = False
    quiet: bool = False
    #: Let jobs that were interrupted while they wrote in place begin again from nothing.
    restart: bool = False
    #: Take over the jobs that are unknown, from those who are gone.
    take_over: bool = False
    #: Only the jobs of each entry that the user has chosen.
    choice: Choice = EVERY_JOB
    #: The arguments by which `jor collect` collects what is submitted, should the option collect ask for it.
    collect: tuple[str, ...] = ()
    #: Not even to say what failed: who asked tells it.
    silent: bool = False
    #: This job and no other, whether its output exists or not.
    index: int | None = None
    #: Let jobs write to the command's own standard output.
    foreground: bool = False
    #: Jobs that are not to be begun again, by the folder of records of their entry.
    spent: Mapping[str, frozenset[int]] = attrs.field(factory=dict)
    #: The entries that the command knows, which make no output of each other.
    known: Known = attrs.field(factory=dict)
    #: When, by time.monotonic(), jobs are given up.
    deadline: float = math.inf
    #: When the command began, as submissions tell the time.
    began: str = attrs.field(factory=timestamp)


def launch(workspace: Workspace, entries: Sequence[Entry], manner: Manner) -> int:
    """Run the jobs of `entries` that have to run, or submit them; return the exit code.

    Everything is read and checked before anything is written or started.
    """
    cluster = workspace.cluster
    if manner.take_over and not manner.dry_run and (code := take_over(workspace, entries, partial(_say, manner))):
        return code
    damaged: list[RecordError] = []
    surveys = list(workspace.survey(entries, cluster.ask, damaged.append))
    if damaged and not surveys:
        raise damaged[0]
    for error in damaged:
        echo(message(error), err=True)
    for found in surveys:
        _check(found, manner)
        if not _is_local(found, manner):
            cluster.backend.check(found)
    manner.choice.check(surveys)
    manner = attrs.evolve(manner, known=known_entries(surveys))
    marking = Marking(surveys)
    if manner.index is None and not manner.dry_run:
        say = partial(_say, manner)
        marking = mark_outdated(
            surveys, cluster.ask, say, only_first=manner.only_first, choice=manner.choice, known=manner.known
        )
    # Where there is nothing to run, nobody asks how that would be started.
    plans = [
        (found, indices, workspace.worker_command(found) if indices else None)
        for found, indices in _choose(marking.surveys, manner)
    ]
    unknown = [_told_unknown(found) for found in marking.surveys]
    stopped = [_told_not_begun(found) for found, _, _ in plans if found.status.pending and not manner.restart]
    if manner.dry_run:
        for found, indices, worker in plans:
            if _is_local(found, manner):
                show_plan(found, indices, local_workers(found.config), worker)
            else:
                show_batch(found, indices, cluster.backend, worker)
        return 0
    idle = [found for found, _, worker in plans if worker is None]
    tidy([found for found in idle if not found.status.active], cluster.ask, partial(_say, manner))
    for found in idle:
        _say(manner, f"{found.entry.label}: {_why_nothing(found)}")
    workers = {found.records: worker for found, _, worker in plans if worker is not None}
    planned = [found for found, _, worker in plans if worker is not None]
    _warn_of_draws(planned, manner)
    assignments: dict[str, Assignment] = {}
    held_back = marking.held_back
    arrays: list[ArrayId] = []
    for group in by_folder(planned):
        local, outcomes = plan_folder(workspace, group, manner, workers)
        assignments.update(local)
        for found, outcome in outcomes:
            arrays += outcome.arrays
            held_back |= outcome.is_partial
            if outcome.is_partial:
                echo(told_held_back(found.entry.label, outcome), err=True)
    if arrays and not held_back and manner.collect and workspace.config["collect"]:
        name = cluster.backend.submit_collect(plans[0][0], manner.collect, arrays)
        _say(manner, f"{name} will collect when they have ended")
    in_order = [assignments[found.records] for found in planned if found.records in assignments]
    code = _carry_out(in_order, manner) if in_order else 0
    for found in marking.surveys if in_order else ():
        if found.history.marked and _is_local(found, manner):
            tidy_marks(*again([found], ask=cluster.ask))
    code = code or (WRONG if damaged else 0)
    return code or (LATER if held_back or any(unknown) else FAILED if any(stopped) else 0)


def collecting(names: Sequence[str], config: Config) -> tuple[str, ...]:
    """Return the arguments by which `jor collect` collects the entries called so; all for no names."""
    given = {name: config[name] for name in COLLECTING if name in ("path-prefix", "todo-list", *config.command_line)}
    return (*names, *as_flags(given))


def _is_local(found: Survey, manner: Manner) -> bool:
    return manner.foreground or found.config["scheduler"] == "local"


def _check(found: Survey, manner: Manner) -> None:
    """Raise for options that cannot be honoured, and for an index that is out of range."""
    local_workers(found.config)
    if manner.index is not None:
        found.parameters(manner.index)


def _choose(surveys: Sequence[Survey], manner: Manner) -> list[tuple[Survey, Sequence[int]]]:
    chosen = [(found, _wanted(found, manner)) for found in surveys]
    if not manner.only_first:
        return chosen
    return next(([(found, indices)] for found, indices in chosen if indices), chosen)


def _wanted(found: Survey, manner: Manner) -> Sequence[int]:
    if manner.index is None:
        indices = choose(found.status, overwrite=manner.dry_run and bool(reason_to_overwrite(found)))
        if not manner.choice.is_all:
            indices = sorted({*manner.choice.of(found)}.intersection(indices))
        indices = _startable(found, indices, manner)
        spent = manner.spent.get(found.records)
        indices = [index for index in indices if index not in spent] if spent else indices
        return indices[:1] if manner.only_first else indices
    if found.status.active:
        raise BusyError(
            f"{found.status.active[0].name} is running jobs of the same entry",
            where=found.entry.label,
            remedy="Run again when it has ended",
        )
    return [manner.index]


def _startable(found: Survey, indices: Sequence[int], manner: Manner) -> Sequence[int]:
    """Return those of the jobs `indices` that may be begun: not those whose incomplete output others have begun."""
    halves = found.history.halves
    return (
        [i for i in indices if i not in halves or not halves[i].begun_otherwise]
        if halves and not manner.restart
        else indices
    )


def _prepare_halves(found: Survey, indices: Iterable[int], *, restart: bool) -> bool:
    """Delete the incomplete outputs of jobs that are to begin from nothing; return whether there were any.

    Those of interrupted jobs stay, unless the jobs do not write in place any more, or are to `restart`. An old output
    that was set aside is put back, for its job to set it aside again.
    """
    history = found.history
    goes_on = not restart and (history.wrote_in_place or not found.jobs.atomic_output)
    mine = OldOutputs(Run(os.path.join(found.records, "runs", "any")), found.folder)
    changed = False
    for index in history.halves.keys() & {*indices} if history.halves else ():
        half, name = history.halves[index], history.places.name(index)
        old = OldOutputs(half.run, found.folder)
        if goes_on and half.interrupted:
            mine.take_over(name, old)
            continue
        changed = True
        if not old.put_back(name):
            with suppress(FileNotFoundError):
                os.unlink(found.output(index))
    return changed


def plan_folder(
    workspace: Workspace, entries: Sequence[Survey], manner: Manner, workers: Mapping[str, WorkerCommand]
) -> tuple[dict[str, Assignment], list[tuple[Survey, Outcome]]]:
    """Plan what is pending of entries with one output folder; submit it, or return the assignments for this machine.

    `workers` are by the folders of records of the entries. Submissions are on the disk before the lock is released, and
    Slurm is asked after that. Raise RefusedError for what is refused for good.
    """
    assignments: dict[str, Assignment] = {}
    outcomes: dict[str, Outcome] = {}
    left: Sequence[Survey] = entries
    while left:
        prepared: list[tuple[Survey, Prepared]] = []
        with ExitStack() as stack:
            with planning(left, workspace.cluster.ask, partial(_say, manner), manner.known) as held:
                for now in held.entries:
                    worker = workers[now.records]
                    now, indices = _to_be_run(now, held, manner, workspace.cluster.ask)
                    if not indices:
                        _say(manner, f"{now.entry.label}: {_why_nothing(now)}")
                    elif _is_local(now, manner):
                        assignments[now.records] = _assigned(now, indices, held.lock, manner, worker)
                    else:
                        one = workspace.cluster.backend.prepare(now, indices, held.lock, worker)
                        prepared.append((now, stack.enter_context(one)))
                for _, one in prepared:
                    one.tell()
            for now, one in prepared:
                for _, other in prepared:
                    other.tell_again()
                outcomes[now.records] = _submit(now, one, manner, workspace.cluster.backend, outcomes.get(now.records))
        left = [now for now, one in prepared if one.left]
    return assignments, [(found, outcomes[found.records]) for found in entries if found.records in outcomes]


def _to_be_run(now: Survey, held: Hold, manner: Manner, ask: Ask) -> tuple[Survey, Sequence[int]]:
    """Return the entry, and which of its jobs are to be run: not those whose output others are making."""
    indices = _wanted(now, manner)
    by_job = held.claims.on(now, indices)
    if by_job:
        names = ", ".join(sorted(set(by_job.values())))
        what = f"{jobs_of(len(by_job))} left to {names}: the outputs are being made there"
        _say(manner, f"{now.entry.label}: {what}")
        indices = [index for index in indices if index not in by_job]
    indices = _startable(now, indices, manner)
    if _prepare_halves(now, indices, restart=manner.restart):
        (now,) = again([now], held.lock.taken, ask)
    return now, indices


def _assigned(
    now: Survey, indices: Sequence[int], lock: FolderLock, manner: Manner, worker: WorkerCommand
) -> Assignment:
    """Write the submission of what this machine is to do now."""
    submission = make_submission(now, indices, surroundings=worker.surroundings)
    submitted = write(submission, now.jobs, indices, now.records, lock, bundled=worker.bundled)
    workers = min(local_workers(now.config), submission.count)
    _say(manner, f"{now.entry.label}: {jobs_of(submission.count)} to run, {workers} at once")
    return Assignment(submitted, workers, worker.command, now.status.deadly)


def _submit(found: Survey, prepared: Prepared, manner: Manner, backend: Backend, before: Outcome | None) -> Outcome:
    """Submit what was written of an entry; return that and what was submitted `before`. Raise RefusedError."""
    outcome = backend.submit(prepared)
    for line in told_submissions(found.entry.label, outcome):
        _say(manner, line)
    if outcome.refused:
        raise outcome.refused
    return attrs.evolve(outcome, submitted=(*before.submitted, *outcome.submitted)) if before else outcome


def _carry_out(assignments: Sequence[Assignment], manner: Manner) -> int:
    terminal = sys.stdout.isatty() and not manner.foreground
    with view(quiet=manner.quiet or manner.foreground, terminal=terminal) as live:
        result = carry_out(assignments, observe=live.show, foreground=manner.foreground, deadline=manner.deadline)
    show_result(result, quiet=manner.quiet, silent=manner.silent)
    return exit_code(result)


def _why_nothing(found: Survey) -> str:
    counts = found.status.counts
    doing = [state for state in (Status.RUNNING, Status.QUEUED, Status.UNKNOWN) if counts[state]]
    if doing:
        names = ", ".join(carrier.name for carrier in found.status.active)
        count = sum(counts[state] for state in doing)
        return f"{jobs_of(count)} {' or '.join(state.value for state in doing)}: left to {names}"
    if found.status.pending:
        return f"nothing to run now, {jobs_of(len(found.status.pending))} not done"
    if not found.status.total:
        return "it lists no jobs"
    setting = found.config.setting("overwrite-output")
    since = found.history.marks.settings.get(found.entry.key) if setting.value else None
    if setting.value and not since:
        return "no output is made again now"
    told = f"; overwrite-output of {setting.source} marks outputs once, and has done so on"
    once = f"{told} {told_time(seconds_of(since))}" if since else ""
    return f"all {jobs_of(found.status.total)} done{once}"


def _told_unknown(found: Survey) -> bool:
    """Say why jobs of an entry are unknown, and so left alone; return whether any are."""
    if found.status.unknown:
        for note in dict.fromkeys(note for carrier in found.status.active for note in carrier.notes):
            echo(f"Warning: {note}", err=True)
    return bool(found.status.unknown)


def _told_not_begun(found: Survey) -> bool:
    """Say which jobs of an entry are not begun, since others have begun their output; return whether there are any."""
    stopped = sorted(index for index, half in found.history.halves.items() if half.begun_otherwise)
    if stopped:
        jobs = f"{jobs_of(len(stopped))} not begun: {told_indices(stopped, MOST_RANGES)}"
        what = f"{jobs}: what stands there is incomplete, and of other code or arguments"
        accept = "let today's code go on: jor accept"
        echo(f"Warning: {found.entry.label}: {what}\n  Start them again: jor run --restart. Or {accept}", err=True)
    return bool(stopped)


def _warn_of_draws(surveys: Sequence[Survey], manner: Manner) -> None:
    """Tell once which random numbers jobs would share, or could not draw again; of each job module's first entry."""
    firsts = {found.entry.jobmodule: found for found in reversed(surveys)}
    warnings = [] if manner.quiet else [draw.told for found in firsts.values() for draw in draws_of(found)]
    for warning in dict.fromkeys(warnings[:MOST_WARNINGS]):
        echo(f"Warning: {warning}", err=True)
    if len(warnings) > MOST_WARNINGS:
        echo(f"Warning: {len(warnings) - MOST_WARNINGS:,} more like these\n  See them all: jor check", err=True)


def _say(manner: Manner, text: str) -> None:
    if not manner.quiet:
        echo(f"[jor] {text}")
