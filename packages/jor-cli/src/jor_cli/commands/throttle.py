"""`jor throttle`: how many tasks of an array run at once."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given


@click.command("throttle")
@click.argument("tasks", type=click.IntRange(0, 1_000_000), metavar="N")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@flags("path-prefix", "todo-list")
@click.pass_context
def command(context: click.Context, /, tasks: int, entries: tuple[str, ...], **_: Any) -> None:
    """Let at most N tasks of each queued Slurm array run at once; 0 for any number.

    Tasks that run already go on. For arrays to come, set the option array-throttle.
    """
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..environments.remote import survey
    from ..schedulers.lazy import Lazy

    config = read_config(given(context))
    cluster = Lazy(config)
    count = 0
    for found in survey(select(read_todo(config["todo-list"]), entries), config, cluster.ask):
        for _run, array, _submission in cluster.active_arrays(found):
            if array is not None and cluster.backend.inquiry.shows(array):
                cluster.backend.slurm.throttle(array, tasks)
                most = f"at most {tasks:,} at once" if tasks else "any number at once"
                click.echo(f"[jor] {found.entry.label}: Slurm array {array.job_id} runs {most}")
                count += 1
    if not count:
        click.echo("[jor] Nothing to throttle: no array of these entries is queued or running")
