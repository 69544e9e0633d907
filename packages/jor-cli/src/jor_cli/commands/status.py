"""`jor status`: where the jobs stand."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from jor import JorError, Mistakes

from ..flags import at_most_one, flags, given
from ..terminal import echo


@click.command("status")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs; the README documents it.")
@click.option(
    "--failed", is_flag=True, help="Tell what went wrong by its causes, each with an example and its last words."
)
@click.option("--watch", is_flag=True, help="Show it again and again until nothing runs, with rate and time left.")
@click.option("--all", "every", is_flag=True, help="Show each entry, however many there are.")
@click.option("--by", metavar="NAME", help="Group failures by the value of this parameter.")
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(
    context: click.Context,
    /,
    entries: tuple[str, ...],
    as_json: bool,
    failed: bool,
    watch: bool,
    every: bool,
    by: str | None,
    **_: Any,
) -> None:
    """Show how many jobs of each entry are done, running, failed, or missing, and why; change nothing."""
    from ..rendering.status import shown
    from ..workspace import Workspace

    at_most_one(context, "as_json", "failed", "watch", "by")
    workspace = context.with_resource(Workspace.open(given(context)))
    chosen, colours = workspace.entries(entries), sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if watch:
        from ..actions.watch import follow

        context.exit(follow(workspace, chosen, colours=colours))
    damaged: list[JorError] = []
    surveys = workspace.survey(chosen, on_damage=damaged.append)
    text = shown(surveys, workspace.changes, as_json=as_json, failed=failed, by=by, every=every, colours=colours)
    if len(damaged) < len(chosen):
        echo(text)
    if damaged:
        raise Mistakes(damaged)
