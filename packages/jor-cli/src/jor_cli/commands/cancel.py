"""`jor cancel`: take back what was submitted."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given
from ..terminal import echo


@click.command("cancel")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@flags("path-prefix", "todo-list")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], **_: Any) -> None:
    """Cancel the Slurm arrays of the todo-list's entries, or of those named, and nobody else's."""
    from ..actions.cancel import cancel
    from ..formatting import tasks_of
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    count = 0
    for label, one in cancel(workspace, workspace.entries(entries)):
        if one.whose:
            echo(f"[jor] {label}: {one} is left alone: cancel it there, as that user")
            continue
        echo(f"[jor] {label}: cancelled {one}, {tasks_of(one.submission.tasks)}")
        count += 1
    if not count:
        echo("[jor] Nothing to cancel: no array of yours of these entries is queued or running on this cluster")
