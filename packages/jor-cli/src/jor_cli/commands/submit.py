"""`jor submit`: the pending jobs of one job module."""

from __future__ import annotations

from typing import Any

import click

from ..flags import RUNNING, SHARED, flags, given, test_flag, wants_test


@click.command("submit")
@click.argument("jobmodule")
@click.option("--jobargs", default="", metavar="TEXT", help="Arguments of its class Jobs: \"n=3, method='pca'\".")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would run, where, and how; touch nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something goes wrong.")
@test_flag
@flags(*(name for name in SHARED if name != "todo-list"), *RUNNING)
@click.pass_context
def command(context: click.Context, /, jobmodule: str, jobargs: str, dry_run: bool, quiet: bool, **_: Any) -> None:
    """Run the missing jobs of JOBMODULE, a Python file with a class Jobs, without a todo-list."""
    from jor.todo.reader import make_entry

    from ..actions.run import Manner, launch
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    manner = Manner(only_first=wants_test(context), dry_run=dry_run, quiet=quiet)
    context.exit(launch(workspace, [make_entry(jobmodule, jobargs)], manner))
