"""`jor run`: every pending job of every entry, nothing else."""

from __future__ import annotations

from typing import Any

import click

from ..flags import RUNNING, SHARED, flags, given, pairs, test_flag, wants_test


@click.command("run")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would run, where, and how; touch nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something goes wrong.")
@click.option("-w", "--wait", is_flag=True, help="Follow what is submitted to Slurm to its end.")
@click.option("--index", "indices", type=int, multiple=True, metavar="I", help="Only this job; may be given again.")
@click.option(
    "--where",
    "values",
    metavar="NAME=VALUE",
    callback=pairs,
    multiple=True,
    help="Only jobs with this value; again: both.",
)
@click.option("--restart", is_flag=True, help="Begin interrupted jobs that write in place again from nothing.")
@click.option("--take-over", is_flag=True, help="Take over from those who are gone the jobs that are unknown.")
@test_flag
@flags(*SHARED, *RUNNING, "collect")
@click.pass_context
def command(
    context: click.Context,
    /,
    entries: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    wait: bool,
    indices: tuple[int, ...],
    values: tuple[tuple[str, str], ...],
    restart: bool,
    take_over: bool,
    **_: Any,
) -> None:
    """Run the jobs of the todo-list whose outputs are missing.

    Without ENTRY, of all its entries; else of those with that name or job module. Run it again at any time:
    it leaves alone what is done, what is running, and what cannot be asked for. --take-over takes that over: what has
    it is revoked, and gets ten minutes to see it.
    """
    if take_over and not entries:
        raise click.UsageError("--take-over wants to be told of which entries: jor run --take-over ENTRY")
    from ..actions.choice import Choice
    from ..actions.run import Manner, collecting, launch
    from ..errors import LATER
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    chosen = workspace.entries(entries)
    choice, collect = Choice(frozenset(indices), values), collecting(entries, workspace.config)
    manner = Manner(wants_test(context), dry_run, quiet, restart, take_over, choice, collect)
    code = launch(workspace, chosen, manner)
    if wait and not dry_run and code in (0, LATER):
        from ..actions.wait import wait as follow

        code = follow(workspace, chosen, manner)
    context.exit(code)
