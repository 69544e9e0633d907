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

    With --index also what a job had made that failed after execute had returned: it is put into place. An incomplete
    output that other code has begun to write in place stays incomplete, and may be gone on with by the
    code of today. Which outputs, when, by whom, and of which code is recorded; jor show tells it.
    """
    from ..actions.accept import accept_and_tell
    from ..terminal import echo
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))

    def say(text: str) -> None:
        echo(f"[jor] {text}")

    accept_and_tell(workspace, workspace.entries(entries), indices, say)
