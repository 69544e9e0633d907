"""`jor cancel`: take back what was submitted."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given


@click.command("cancel")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@flags("path-prefix", "todo-list")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], **_: Any) -> None:
    """Cancel the Slurm arrays of the todo-list's entries, or of those named, and nobody else's."""
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..environments.remote import survey
    from ..formatting import tasks_of
    from ..schedulers.lazy import Lazy

    config = read_config(given(context))
    cluster = Lazy(config)
    count = 0
    for found in survey(select(read_todo(config["todo-list"]), entries), config, cluster.ask):
        for array, submission in cluster.cancel(found, "cancelled by jor cancel"):
            name = f"Slurm array {array.job_id}" if array else "the unconfirmed submission"
            click.echo(f"[jor] {found.entry.label}: cancelled {name}, {tasks_of(submission.tasks)}")
            count += 1
    if not count:
        click.echo("[jor] Nothing to cancel: no array of these entries is queued or running")
