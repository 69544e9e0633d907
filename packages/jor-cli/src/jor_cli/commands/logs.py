"""`jor logs`: what jobs have printed."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given


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
    """Show what jobs of ENTRY have printed in their last attempt: those named, or those that failed."""
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..actions.logs import show_logs
    from ..environments.remote import survey
    from ..schedulers.lazy import Lazy

    if not indices and not failed:
        raise click.UsageError("Say which jobs: INDEX, or --failed", context)
    config = read_config(given(context))
    shown = False
    entries = list(survey(select(read_todo(config["todo-list"]), (entry,)), config, Lazy(config).view))
    # Of several entries of that name, those that have such jobs; if none has, the first says so.
    fitting = [found for found in entries if max(indices, default=0) < found.status.total] or entries[:1]
    for found in fitting:
        broken = [problem.index for problem in found.status.problems] if failed else []
        shown |= show_logs(found, [*indices, *broken], follow=follow)
    if not shown:
        click.echo("[jor] No job has failed")
