"""How submissions to Slurm are told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from jor.planning.planner import Survey
from jor_slurm import IndexSet

from ..formatting import counted, jobs_of, tasks_of

if TYPE_CHECKING:
    from ..schedulers.slurm.scheduler import Backend, Outcome


def told_submissions(label: str, outcome: Outcome) -> Iterator[str]:
    """Yield a line for each array that was submitted."""
    for one in outcome.submitted:
        name = f"Slurm array {one.array.job_id}" if one.array else "unconfirmed"
        submission = one.submission
        yield f"{label}: {jobs_of(submission.count)} submitted as {name}, {tasks_of(submission.tasks)}"
    if outcome.submitted and outcome.delay:
        yield f"{label}: they begin in {outcome.delay} s: until then tasks may run whose end Slurm has not seen"


def told_held_back(label: str, outcome: Outcome) -> str:
    """Return why some jobs were not submitted, and what to do."""
    if outcome.unconfirmed:
        lost = sum(one.submission.count for one in outcome.submitted if one.array is None)
        return (
            f"Warning: {label}: Slurm did not say whether it has accepted {jobs_of(lost)}. "
            "They count as queued until that is known\n  Run again in a while; nothing will be submitted twice"
        )
    why = outcome.why
    return f"Warning: {label}: {jobs_of(outcome.held_back)} held back: {why}\n  Run again later to submit them"


def show_batch(found: Survey, indices: Sequence[int], backend: Backend) -> None:
    """Print what would be submitted: arrays, command and script."""
    click.echo(f"{found.entry.label}: {len(indices):,} of {jobs_of(found.status.total)} would be submitted")
    if not indices:
        return
    for wanted, jobs in backend.plan(found, indices):
        sizes, command, script = backend.preview(found, wanted, jobs)
        click.echo(f"  jobs       {IndexSet.of(jobs)}")
        click.echo(f"  outputs    {found.folder}")
        arrays = f"{counted(len(sizes), 'array')} of {tasks_of(sum(sizes))}"
        click.echo(f"  where      Slurm: {arrays}, {jobs_of(wanted.jobs_per_task)} each")
        click.echo(f"  command    {shlex.join(command)}")
        click.echo("  script")
        for line in script.splitlines():
            click.echo(f"    {line}")
