"""`jor throttle`: how many tasks of an array run at once."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given
from ..terminal import echo


@click.command("throttle")
@click.argument("tasks", type=click.IntRange(0, 1_000_000), metavar="N")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@flags("path-prefix", "todo-list")
@click.pass_context
def command(context: click.Context, /, tasks: int, entries: tuple[str, ...], **_: Any) -> None:
    """Let at most N tasks of each queued Slurm array run at once; 0 for any number.

    Tasks that run already go on. For arrays to come, set the option array-throttle.
    """
    from ..actions.throttle import throttle
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    most = f"at most {tasks:,} at once" if tasks else "any number at once"
    count = 0
    for label, one in throttle(workspace, workspace.entries(entries), tasks):
        if one.whose:
            echo(f"[jor] {label}: {one} is left alone: throttle it there, as that user")
            continue
        echo(f"[jor] {label}: {one} runs {most}")
        count += 1
    if not count:
        echo("[jor] Nothing to throttle: no array of yours of these entries is queued or running on this cluster")
