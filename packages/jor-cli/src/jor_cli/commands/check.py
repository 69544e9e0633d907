"""`jor check`: what would go wrong, before it does."""

from __future__ import annotations

from typing import Any

import click

from ..flags import RUNNING, SHARED, flags, given


@click.command("check")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option(
    "--try",
    "trial",
    is_flag=True,
    help="Execute one job of each entry, in a folder that is deleted again unless the job fails.",
)
@flags(*SHARED, "try-limit", *RUNNING)
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], trial: bool, **_: Any) -> None:
    """Tell what is well and what is not, before any job runs; exit code 1 if something is not.

    The options, the todo-list, job modules, their outputs, resources, space, the image and the environment,
    and whether Slurm would take the jobs.
    """
    from ..actions.check import check
    from ..errors import FAILED
    from ..rendering.findings import show_findings

    if show_findings(check(given(context), entries, trial=trial)):
        context.exit(FAILED)
