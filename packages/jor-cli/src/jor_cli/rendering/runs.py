"""How a plan, a submission, and the end of a run are told."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jor.errors import printable_name
from jor.local.scheduler import Result
from jor.local.worker_pool import Failure
from jor.planning.planner import Survey
from jor.runtime.events import of_each_kind
from jor.runtime.job_spec import thaw
from jor.runtime.record_files import regular
from jor.runtime.run_folder import Run
from jor_slurm import IndexSet

from ..errors import FAILED, LATER, WRONG
from ..formatting import counted, jobs_of, tasks_of, told_logs, told_parameters, told_resources
from ..terminal import echo
from .tables import table

if TYPE_CHECKING:
    from ..environments.worker_command import WorkerCommand
    from ..schedulers.slurm.scheduler import Backend
    from ..schedulers.slurm.submissions import Outcome

#: Failures that are shown; the others are counted.
MOST_FAILURES = 20


def show_plan(found: Survey, indices: Sequence[int], workers: int, worker: WorkerCommand | None) -> None:
    """Print what would run, where, how; `worker` is None where nothing would."""
    total = found.status.total
    echo(f"{found.entry.label}: {len(indices):,} of {jobs_of(total)} would run")
    if worker is None:
        return
    command = worker.command(Run(f"{found.records}/runs/..."), ["0"])
    resources = f"{told_resources(found.config)} each; isolation = {found.config['isolation']}"
    echo(f"  jobs       {IndexSet.of(indices)}")
    echo(f"  outputs    {printable_name(found.folder)}")
    echo(f"  where      this machine, {min(workers, len(indices))} at once, {resources}")
    echo(f"  command    {printable_name(shlex.join(command))}")


def show_batch(found: Survey, indices: Sequence[int], backend: Backend, worker: WorkerCommand | None) -> None:
    """Print what would be submitted; `worker` is None where nothing would be."""
    echo(f"{found.entry.label}: {len(indices):,} of {jobs_of(found.status.total)} would be submitted")
    if worker is None:
        return
    for wanted, jobs in backend.plan(found, indices):
        sizes, command, script = backend.preview(found, wanted, jobs, worker)
        echo(f"  jobs       {IndexSet.of(jobs)}")
        echo(f"  outputs    {printable_name(found.folder)}")
        arrays = f"{counted(len(sizes), 'array')} of {tasks_of(sum(sizes))}"
        echo(f"  where      Slurm: {arrays}, {jobs_of(wanted.jobs_per_task)} each")
        echo(f"  command    {printable_name(shlex.join(command))}")
        echo("  script")
        for line in script.splitlines():
            echo(f"    {line}")


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


def show_result(result: Result, *, quiet: bool, silent: bool = False) -> None:
    """Print how the run ended; with `quiet`, only what went wrong; with `silent`, only why no job could begin."""
    progress = result.progress
    for label, why in result.broken.items():
        echo(f"Error: {label}: {why}", err=True)
    if silent:
        return
    for label, notices in result.notices.items():
        for notice in of_each_kind(notices):
            echo(f"[jor] {label}: {notice}", err=True)
    if result.failures:
        _show_failures(result.failures)
    left = progress.total - progress.done - progress.failed - progress.interrupted
    if quiet and progress.done == progress.total:
        return
    by = f"Stopped by {signal.Signals(result.stopped_by).name}: " if result.stopped_by else ""
    counts = [(progress.failed, "failed"), (progress.interrupted, "interrupted"), (left, "not begun")]
    others = "".join(f", {count:,} {what}" for count, what in counts if count)
    again = ". Run again to go on" if progress.interrupted or left else ""
    echo(f"[jor] {by}{progress.done:,} of {jobs_of(progress.total)} done{others}{again}", err=quiet)


def exit_code(result: Result) -> int:
    """Return the exit code of a command that ended with `result`."""
    if result.stopped_by:
        return 128 + result.stopped_by
    if result.is_taken_over:
        return LATER
    if result.broken:
        return WRONG if not result.progress.done else FAILED
    return FAILED if result.progress.done < result.progress.total else 0


def _show_failures(failures: Sequence[Failure]) -> None:
    shown = failures[:MOST_FAILURES]
    rows = [
        [failure.submitted.submission.label, str(failure.index), _parameters(failure), failure.reason]
        for failure in shown
    ]
    echo(table(["entry", "job", "parameters", "error"], rows, right=".r.."), err=True)
    if len(failures) > len(shown):
        echo(f"... and {len(failures) - len(shown):,} more: jor status --failed tells all", err=True)
    for line in told_logs(failure.log for failure in shown):
        echo(line, err=True)


def _parameters(failure: Failure) -> str:
    """Return the parameters of a failed job as they were planned; "" if the records have gone."""
    submitted = failure.submitted
    place = 0
    for first, last in submitted.submission.planned:
        if first <= failure.index <= last:
            place += failure.index - first
            break
        place += last - first + 1
    try:
        with open(submitted.run.jobs, "rb", opener=regular) as file:
            file.seek(submitted.offsets[place])
            return told_parameters(thaw(file.readline()).parameters)
    except FileNotFoundError:
        return ""
