"""`jor logs`: what jobs have printed."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given
from ..terminal import echo


@click.command("logs")
@click.argument("entry")
@click.argument("indices", nargs=-1, type=int, metavar="[INDEX]...")
@click.option("--failed", is_flag=True, help="Those that failed or were interrupted.")
@click.option("-f", "--follow", is_flag=True, help="Go on while a job runs, as tail -f does.")
@flags("path-prefix", "todo-list")
@click.pass_context
def command(
    context: click.Context, /, entry: str, indices: tuple[int, ...], failed: bool, follow: bool, **_: Any
) -> None:
    """Show what jobs of ENTRY have printed in their last attempt: those named, or those that failed.

    Bytes are shown as they are, and may command your terminal: for text that you do not trust, add | cat -v.
    """
    from ..actions.logs import show_logs
    from ..workspace import Workspace

    if not indices and not failed:
        raise click.UsageError("Say which jobs: INDEX, or --failed", context)
    workspace = context.with_resource(Workspace.open(given(context)))
    if not show_logs(workspace, entry, indices, failed=failed, follow=follow):
        echo("[jor] No job has failed")
