"""`jor advise`: what to ask for."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given


@click.command("advise")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], **_: Any) -> None:
    """Show what the jobs of each entry were given and what they have used, and tell what to ask for.

    Memory, time, jobs of an array task, and how jobs are started; nothing is changed.
    """
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..environments.remote import survey
    from ..rendering.advice import as_text
    from ..schedulers.lazy import Lazy

    config = read_config(given(context))
    chosen = select(read_todo(config["todo-list"]), entries)
    click.echo(as_text(survey(chosen, config, Lazy(config).view)))
