"""`jor show`: all that is known of an entry, or of one job."""

from __future__ import annotations

import os
from typing import Any

import click

from ..flags import flags, given


@click.command("show")
@click.argument("entry")
@click.argument("index", type=int, required=False)
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(context: click.Context, /, entry: str, index: int | None, **_: Any) -> None:
    """Tell all about ENTRY: what it runs and how, what its jobs have used, its newest submission.

    With INDEX, about that job: its parameters, its output, and each attempt at it. The path of an output instead of
    ENTRY tells about the job that makes it.
    """
    from jor import TodoError
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..actions.collect_manifest import read_note
    from ..environments.remote import survey
    from ..rendering.show import of_entry, of_job, with_output
    from ..schedulers.lazy import Lazy

    config = read_config(given(context))
    entries = read_todo(config["todo-list"])
    is_output = False
    try:
        chosen = select(entries, (entry,))
    except TodoError:
        is_output = index is None and (os.sep in entry or os.path.isfile(entry))
        if not is_output:
            raise
        chosen = entries
    surveys = survey(chosen, config, Lazy(config).view)
    if is_output:
        stories = [of_job(found, job) for found, job in with_output(entry, surveys)]
    elif index is None:
        stories = [of_entry(found, read_note(found.records)) for found in surveys]
    else:
        stories = [of_job(found, index) for found in surveys]
    click.echo("\n\n".join(stories))
