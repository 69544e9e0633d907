"""`jor status`: where the jobs stand."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from ..flags import flags, given


@click.command("status")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs; the README documents it.")
@click.option(
    "--failed", is_flag=True, help="Tell what went wrong by its causes, each with an example and its last words."
)
@click.option("--watch", is_flag=True, help="Show it again and again until nothing runs, with rate and time left.")
@click.option("--all", "every", is_flag=True, help="Show each entry, however many there are.")
@click.option("--by", "parameter", metavar="NAME", help="Group failures by the value of this parameter.")
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
    parameter: str | None,
    **_: Any,
) -> None:
    """Show how many jobs of each entry are done, running, failed, or missing, and why; change nothing."""
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..environments.remote import survey
    from ..rendering import status as rendering
    from ..schedulers.lazy import Lazy

    ways = {"--json": as_json, "--failed": failed, "--watch": watch, "--by": parameter is not None}
    chosen_ways = [way for way, is_wanted in ways.items() if is_wanted]
    if len(chosen_ways) > 1:
        raise click.UsageError(f"{' and '.join(chosen_ways)} do not go together: choose one", context)
    config = read_config(given(context))
    chosen = select(read_todo(config["todo-list"]), entries)
    cluster = Lazy(config)
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if watch:
        from ..actions.watch import follow

        can_move = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        context.exit(follow(chosen, config, cluster, terminal=can_move, colours=colours))
    surveys = survey(chosen, config, cluster.view)
    if failed:
        from ..rendering.failures import by_cause

        click.echo(by_cause(surveys))
    elif parameter is not None:
        from ..rendering.by_parameter import by_parameter

        click.echo(by_parameter(surveys, parameter))
    elif as_json:
        click.echo(rendering.as_json(surveys))
    else:
        most = None if every else rendering.MOST_ENTRIES
        click.echo(rendering.as_text(surveys, colours=colours, most_entries=most))
