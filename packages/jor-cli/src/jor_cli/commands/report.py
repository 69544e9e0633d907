"""`jor report`: everything about the jobs as one page."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given
from ..terminal import echo


@click.command("report")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default="jor-report.html",
    help="The file to write; jor-report.html if none is named.",
)
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], output: str, **_: Any) -> None:
    """Write one HTML file that tells how far the jobs are, what failed, and what they used, when and where.

    It opens in a browser without a network: progress, failures by cause, memory and time against what was asked
    for, a timeline of hosts, and a map of the parameters.
    """
    from ..actions.report import write_report
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    size = write_report(workspace, workspace.entries(entries), output)
    echo(f"[jor] Wrote {output} ({size / 1e6:.1f} MB)")
