"""`jor show`: all that is known of an entry, or of one job."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given
from ..terminal import echo


@click.command("show")
@click.argument("entry")
@click.argument("index", type=int, required=False)
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(context: click.Context, /, entry: str, index: int | None, **_: Any) -> None:
    """Tell all about ENTRY: what it runs and how, what its jobs have used, its newest submission.

    With INDEX, about that job: its parameters, its output, and each attempt at it. The path of an output instead of
    ENTRY tells about the job that makes it.
    """
    from ..actions.show import show
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    echo("\n\n".join(show(workspace, entry, index)))
