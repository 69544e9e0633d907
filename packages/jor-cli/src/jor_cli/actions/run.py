"""From entries to jobs that have run: survey, plan, submit, carry out. Shared by run, submit and exec."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import attrs

from jor import BusyError, RecordError
from jor.local.scheduler import carry_out
from jor.local.worker_pool import Assignment
from jor.planning.claims import makers
from jor.planning.history import Ask
from jor.planning.planner import Survey, again, choose, make_submission
from jor.planning.status import Status
from jor.runs.lease import PATIENCE, Lease, acquire, clear
from jor.runs.leftovers import abandoned, unasked
from jor.runs.orphans import outliving
from jor.runs.store import partial_folder, sweep_unfinished, unwritable, write
from jor.runs.submission import timestamp
from jor.runtime.outputs import output_name
from jor.runtime.process_id import Owner
from jor.runtime.staging import sweep
from jor.settings.config import Config
from jor.todo.entry import Entry

from ..errors import LATER
from ..flags import COLLECTING, as_flags
from ..formatting import jobs_of
from ..rendering.progress import view
from ..rendering.runs import exit_code, show_batch, show_plan, show_result, told_held_back, told_submissions
from ..resources import local_workers
from ..terminal import echo
from ..workspace import Workspace

if TYPE_CHECKING:
    from jor_slurm import ArrayId

    from ..environments.worker_command import WorkerCommand
    from ..schedulers.slurm.scheduler import Backend, Outcome


@attrs.frozen
class Manner:
    """How a command wants its jobs run and shown."""

    #: Only the first pending job of the first entry that has one.
    only_first: bool = False
    dry_run: bool = False
    quiet: bool = False
    #: Not even to say what failed: who asked tells it.
    silent: bool = False
    #: This job and no other, whether its output exists or not.
    index: int | None = None
    #: Let jobs write to the command's own standard output.
    foreground: bool = False
    #: The arguments by which `jor collect` collects what is submitted, should the option collect ask for it.
    collect: tuple[str, ...] = ()
    #: Jobs that are not to be begun again, by the folder of records of their entry.
    spent: Mapping[str, frozenset[int]] = attrs.field(factory=dict)
    #: The folders of records of the entries that the command knows, which make no output of each other.
    known: frozenset[str] = frozenset()
    #: When, by time.monotonic(), jobs are given up.
    deadline: float = math.inf
    #: When the command began, as submissions tell the time.
    began: str = attrs.field(factory=timestamp)


def launch(workspace: Workspace, entries: Sequence[Entry], manner: Manner) -> int:
    """Run the jobs of `entries` that have to run, or submit them; return the exit code.

    Everything is read and checked before anything is written or started.
    """
    cluster = workspace.cluster
    surveys = list(workspace.survey(entries, cluster.ask))
    for found in surveys:
        _check(found, manner)
        if not _is_local(found, manner):
            cluster.backend.check(found)
    manner = attrs.evolve(manner, known=frozenset(found.records for found in surveys))
    # Where there is nothing to run, nobody asks how that would be started.
    plans = [
        (found, indices, workspace.worker_command(found) if indices else None)
        for found, indices in _choose(surveys, manner)
    ]
    if manner.dry_run:
        for found, indices, worker in plans:
            if _is_local(found, manner):
                show_plan(found, indices, local_workers(found.config), worker)
            else:
                show_batch(found, indices, cluster.backend, worker)
        return 0
    for found, _, worker in plans:
        if worker is None and not found.status.active:
            _tidy(found.records)
    assignments = []
    held_back = False
    arrays: list[ArrayId] = []
    for found, _, worker in plans:
        if worker is None:
            _say(manner, f"{found.entry.label}: {_why_nothing(found)}")
        elif _is_local(found, manner):
            assignments += _assigned(found, manner, cluster.ask, worker)
        else:
            outcome = submit(found, manner, cluster.backend, worker)
            arrays += outcome.arrays
            held_back |= outcome.is_partial
            if outcome.is_partial:
                echo(told_held_back(found.entry.label, outcome), err=True)
    if arrays and not held_back and manner.collect and workspace.config["collect"]:
        name = cluster.backend.submit_collect(plans[0][0], manner.collect, arrays)
        _say(manner, f"{name} will collect when they have ended")
    code = _carry_out(assignments, manner) if assignments else 0
    return code or (LATER if held_back else 0)


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
        indices = choose(found.status, overwrite=found.config["overwrite-output"])
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


def _tidy(records: str) -> None:
    """Delete what the dead have left of an entry that has nothing to be planned."""
    try:
        if os.path.exists(records):
            clear(os.path.join(records, "lock"))
            partial = partial_folder(records)
            outputs = os.path.dirname(os.path.dirname(records))
            sweep(partial, outputs=outputs)
            if os.path.exists(partial):  # of other hosts, perhaps
                with suppress(FileExistsError), Lease(os.path.join(records, "lock")) as lease:
                    sweep(partial, lambda: abandoned(records, lease.taken, unasked), outputs)
    except (OSError, RecordError):
        pass  # it does no harm where it lies, and nothing is to be written there now


@contextmanager
def _planning(found: Survey, manner: Manner, ask: Ask) -> Iterator[tuple[Survey, Sequence[int], Lease]]:
    """Be the only one who plans this entry; give what is pending now, which may be less than it was."""
    records = found.records
    try:
        # Also where it is there already: NFS may remember that it was not, and what others have submitted with it.
        os.makedirs(os.path.join(records, "runs"), exist_ok=True)
        lease = acquire(os.path.join(records, "lock"), lambda owner: _say(manner, _waiting(found, owner)))
    except OSError as error:
        raise unwritable(error, records) from error
    with lease:
        _await_workers(found, manner, lease)
        (now,) = again([found], lease.taken, ask)
        clear(lease.path)
        sweep_unfinished(records, lease.taken)
        sweep(partial_folder(records), lambda: now.history.gone(now.carriers, lease.taken), now.folder)
        yield now, _unclaimed(now, _wanted(now, manner), manner, ask, lease), lease


def _unclaimed(found: Survey, indices: Sequence[int], manner: Manner, ask: Ask, lease: Lease) -> Sequence[int]:
    """Return those of the jobs `indices` whose output nobody is making for another list of jobs."""
    claimed = makers(found, ask, lease.taken, manner.known) if indices else {}
    if not claimed:
        return indices
    by_job = {index: claimed[name] for index in indices if (name := output_name(found.jobs, index)) in claimed}
    if by_job:
        names = ", ".join(sorted(set(by_job.values())))
        _say(manner, f"{found.entry.label}: {jobs_of(len(by_job))} left to {names}: the outputs are being made there")
    return [index for index in indices if index not in by_job]


def _await_workers(found: Survey, manner: Manner, lease: Lease) -> None:
    """Wait until the workers of a command that was killed have ended, lest a job run twice at once."""
    deadline = time.monotonic() + PATIENCE
    told = False
    while owner := outliving(found.records, lease.taken):
        if not told:
            who = f"process {owner.pid} on {owner.host}, which works for a jor run that was killed"
            _say(manner, f"{found.entry.label}: waiting for {who}")
            told = True
        if time.monotonic() > deadline:
            raise BusyError(
                f"process {owner.pid} works for a jor run that was killed, and has not ended in {PATIENCE:.0f} seconds",
                where=found.records,
                remedy="Kill it, and run again",
            )
        time.sleep(0.05)


def _assigned(found: Survey, manner: Manner, ask: Ask, worker: WorkerCommand) -> list[Assignment]:
    """Write the submission of what this machine is to do now; [] if there is nothing to do any more."""
    with _planning(found, manner, ask) as (now, indices, lease):
        if not indices:
            _say(manner, f"{found.entry.label}: {_why_nothing(now)}")
            return []
        overwrite = now.config["overwrite-output"] or manner.index is not None
        submission = make_submission(now, indices, overwrite=overwrite, surroundings=worker.surroundings)
        submitted = write(submission, now.jobs, indices, lease, bundled=worker.bundled)
    workers = min(local_workers(found.config), submission.count)
    _say(manner, f"{found.entry.label}: {jobs_of(submission.count)} to run, {workers} at once")
    return [Assignment(submitted, workers, worker.command, now.status.deadly)]


def submit(found: Survey, manner: Manner, backend: Backend, worker: WorkerCommand) -> Outcome:
    """Submit what is pending of an entry, as far as limits allow. Raise RefusedError for what is refused for good."""
    with _planning(found, manner, backend.inquiry) as (now, indices, lease):
        if not indices:
            _say(manner, f"{found.entry.label}: {_why_nothing(now)}")
        outcome = backend.submit(now, indices, lease, worker)
    for line in told_submissions(found.entry.label, outcome):
        _say(manner, line)
    if outcome.refused:
        raise outcome.refused
    return outcome


def _carry_out(assignments: Sequence[Assignment], manner: Manner) -> int:
    terminal = sys.stdout.isatty() and not manner.foreground
    with view(quiet=manner.quiet or manner.foreground, terminal=terminal) as live:
        result = carry_out(assignments, observe=live.show, foreground=manner.foreground, deadline=manner.deadline)
    show_result(result, quiet=manner.quiet, silent=manner.silent)
    return exit_code(result)


def _why_nothing(found: Survey) -> str:
    counts = found.status.counts
    active = counts[Status.RUNNING] + counts[Status.QUEUED]
    if active:
        names = ", ".join(carrier.name for carrier in found.status.active)
        others = active - counts[Status.RUNNING]
        doing = "running" if not others else "queued" if others == active else "running or queued"
        return f"{jobs_of(active)} {doing}: left to {names}"
    if found.status.pending:
        return f"nothing to run now, {jobs_of(len(found.status.pending))} not done"
    return f"all {jobs_of(found.status.total)} done" if found.status.total else "it lists no jobs"


def _waiting(found: Survey, owner: Owner) -> str:
    return f"{found.entry.label}: waiting for process {owner.pid} on {owner.host}, which is planning"


def _say(manner: Manner, text: str) -> None:
    if not manner.quiet:
        echo(f"[jor] {text}")
