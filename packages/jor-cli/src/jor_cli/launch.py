"""From entries to jobs that have run: survey, plan, submit, carry out. Shared by run, submit and exec."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import attrs
import click

from jor import BusyError, ConfigError, JobModuleError
from jor.config import Config
from jor.entries import Entry
from jor.local import Assignment, carry_out
from jor.lock import acquire
from jor.plan import Survey, again, choose, make_submission, survey
from jor.runtime.owner import Owner
from jor.runtime.staging import sweep
from jor.status import Status
from jor.submission import Submitted, partial_folder, unwritable, write

from .rendering.live import view
from .rendering.runs import exit_code, jobs_of, show_plan, show_result
from .resources import local_workers
from .wrappers import wrapper


@attrs.frozen
class Manner:
    """How a command wants its jobs run and shown."""

    #: Only the first pending job of the first entry that has one.
    only_first: bool = False
    dry_run: bool = False
    quiet: bool = False
    #: This job and no other, whether its output exists or not.
    index: int | None = None
    #: Let jobs write to the command's own standard output.
    foreground: bool = False


def launch(entries: Sequence[Entry], config: Config, manner: Manner) -> int:
    """Run the jobs of `entries` that have to run; return the exit code.

    Everything is read and checked before anything is written or started.
    """
    surveys = list(survey(entries, config))
    for found in surveys:
        _check(found, manner)
    chosen = _choose(surveys, manner)
    if manner.dry_run:
        for found, indices in chosen:
            show_plan(found, indices, local_workers(found.config), wrapper(found.config))
        return 0
    assignments = []
    for found, indices in chosen:
        submitted = _submit(found, manner) if indices else None
        if submitted is not None:
            workers = min(local_workers(found.config), submitted.submission.count)
            assignments.append(Assignment(submitted, workers, wrapper(found.config).wrap))
            _say(manner, f"{found.entry.label}: {jobs_of(submitted.submission.count)} to run, {workers} at once")
        else:
            _say(manner, f"{found.entry.label}: {_why_nothing(found)}")
    return _carry_out(assignments, manner) if assignments else 0


def _check(found: Survey, manner: Manner) -> None:
    """Raise for options that cannot be honoured, and for an index that is out of range."""
    scheduler = found.config.setting("scheduler")
    if scheduler.value != "local":
        raise ConfigError(
            f"scheduler = {scheduler.value}: submitting jobs to Slurm is not part of this version yet",
            where=scheduler.source,
            remedy="Use scheduler = local, on a compute node if need be",
        )
    wrapper(found.config)
    local_workers(found.config)
    if manner.index is not None and not 0 <= manner.index < found.status.total:
        raise JobModuleError(
            f"there is no job {manner.index}",
            where=found.entry.label,
            remedy=f"Jobs are numbered from 0 to {found.status.total - 1}"
            if found.status.total
            else "It lists no jobs",
        )


def _choose(surveys: Sequence[Survey], manner: Manner) -> list[tuple[Survey, Sequence[int]]]:
    chosen: list[tuple[Survey, Sequence[int]]] = []
    for found in surveys:
        indices = _wanted(found, manner)
        if manner.only_first:
            if indices:
                return [(found, indices[:1])]
            continue
        chosen.append((found, indices))
    return chosen


def _wanted(found: Survey, manner: Manner) -> Sequence[int]:
    if manner.index is None:
        return choose(found.status, overwrite=found.config["overwrite-output"])
    active = [carrier for carrier in found.status.carriers if carrier.is_active]
    if active:
        raise BusyError(
            f"{active[0].name} is running jobs of the same entry",
            where=found.entry.label,
            remedy="Run again when it has ended",
        )
    return [manner.index]


def _submit(found: Survey, manner: Manner) -> Submitted | None:
    """Write the submission of what is pending now, alone among all who plan this entry; None if nothing is any more."""
    records = found.records
    try:
        os.makedirs(records, exist_ok=True)
        lease = acquire(os.path.join(records, "lock"), lambda owner: _say(manner, _waiting(found, owner)))
    except OSError as error:
        raise unwritable(error, records) from error
    try:
        sweep(partial_folder(records))
        found = again(found, lease.server_time())
        indices = _wanted(found, manner)
        if manner.only_first:
            indices = indices[:1]
        overwrite = found.config["overwrite-output"] or manner.index is not None
        if not indices:
            return None
        return write(make_submission(found, indices, overwrite=overwrite), found.jobs, indices, records)
    finally:
        lease.release()


def _carry_out(assignments: Sequence[Assignment], manner: Manner) -> int:
    terminal = sys.stdout.isatty() and not manner.foreground
    with view(quiet=manner.quiet or manner.foreground, terminal=terminal) as live:
        result = carry_out(assignments, observe=live.show, foreground=manner.foreground)
    show_result(result, quiet=manner.quiet)
    return exit_code(result)


def _why_nothing(found: Survey) -> str:
    counts = found.status.counts
    active = counts[Status.RUNNING] + counts[Status.QUEUED]
    if active:
        names = ", ".join(carrier.name for carrier in found.status.carriers if carrier.is_active)
        return f"{jobs_of(active)} left to {names}, which is running them"
    return f"all {jobs_of(found.status.total)} done" if found.status.total else "it lists no jobs"


def _waiting(found: Survey, owner: Owner) -> str:
    return f"{found.entry.label}: waiting for process {owner.pid} on {owner.host}, which is planning"


def _say(manner: Manner, text: str) -> None:
    if not manner.quiet:
        click.echo(f"[jor] {text}")
