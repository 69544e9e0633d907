"""`jor status`: where the jobs stand."""

from __future__ import annotations

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
@click.option("--by", "parameter", metavar="NAME", help="Tell failures by the value of this parameter.")
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(
    context: click.Context,
    /,
    entries: tuple[str, ...],
    as_json: bool,
    failed: bool,
    watch: bool,
    parameter: str | None,
    **_: Any,
) -> None:
    """Show how many jobs of each entry are done, running, failed, or missing, and why; change nothing."""
    from jor.config import read_config
    from jor.todo import read_todo, select

    from ..backends import Lazy
    from ..inside import survey
    from ..rendering import statuses

    config = read_config(given(context))
    chosen = select(read_todo(config["todo-list"]), entries)
    cluster = Lazy(config)
    if watch:
        from ..watching import follow

        context.exit(follow(chosen, config, cluster, terminal=sys.stdout.isatty()))
    surveys = survey(chosen, config, cluster.view)
    if failed:
        from ..rendering.causes import by_cause

        click.echo(by_cause(surveys))
    elif parameter is not None:
        from ..rendering.parameters import by_parameter

        click.echo(by_parameter(surveys, parameter))
    else:
        click.echo(statuses.as_json(surveys) if as_json else statuses.as_text(surveys, colours=sys.stdout.isatty()))
