"""`jor advise`: what to ask for."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given
from ..terminal import echo


@click.command("advise")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], **_: Any) -> None:
    """Show what the jobs of each entry were given and what they have used, and tell what to ask for.

    Memory, time, jobs of an array task, and how jobs are started; nothing is changed.
    """
    from ..rendering.advice import as_text
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    echo(as_text(workspace.survey(workspace.entries(entries))))
