"""`jor accept`: take outputs as they are."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given


@click.command("accept")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--index", "indices", type=int, multiple=True, metavar="I", help="This job alone; may be given again.")
@flags("path-prefix", "todo-list")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], indices: tuple[int, ...], **_: Any) -> None:
    """Take the outputs that were to be made again, and that nobody is making, as they are.

    An incomplete output that other code has begun to write in place stays incomplete, and may be gone on with by the
    code of today. Which outputs, when, by whom, and of which code is recorded; jor show tells it.
    """
    from ..actions.accept import accept
    from ..formatting import jobs_of, told_indices
    from ..terminal import echo
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    nothing = True

    def say(text: str) -> None:
        echo(f"[jor] {text}")

    for one in accept(workspace, workspace.entries(entries), indices, say):
        if one.outputs:
            say(f"{one.label}: the outputs of {jobs_of(len(one.outputs))} accepted: {told_indices(one.outputs, 10)}")
        if one.incomplete:
            what = f"{jobs_of(len(one.incomplete))} may go on by the code of today: {told_indices(one.incomplete, 10)}"
            say(f"{one.label}: {what}")
        if one.being_made:
            say(f"{one.label}: {jobs_of(len(one.being_made))} left to those who run them")
        nothing &= not (one.outputs or one.incomplete or one.being_made)
    if nothing:
        say("Nothing to accept: no output of these entries is to be made again")
