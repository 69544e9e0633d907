"""`jor exec`: one job, here and now."""

from __future__ import annotations

from typing import Any

import click

from ..flags import CONTAINER, flags, given


@click.command("exec")
@click.argument("jobmodule")
@click.argument("index", type=int, metavar="I")
@click.option("--jobargs", default="", metavar="TEXT", help="Arguments of its class Jobs: \"n=3, method='pca'\".")
@flags("path-prefix", "sif", "condaenv", *CONTAINER, "cpus-per-task", "isolation", "grace-period")
@click.pass_context
def command(context: click.Context, /, jobmodule: str, index: int, jobargs: str, **_: Any) -> None:
    """Run job I of JOBMODULE here and now, whether its output exists or not.

    What it prints appears here. An old output stands until the new one is whole.
    """
    from jor.todo.reader import make_entry

    from ..actions.run import Manner, launch
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    manner = Manner(index=index, foreground=True, quiet=True)
    context.exit(launch(workspace, [make_entry(jobmodule, jobargs)], manner))
