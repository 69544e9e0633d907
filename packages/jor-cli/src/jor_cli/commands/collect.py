"""`jor collect`: join the outputs of each entry, as its job module says."""

from __future__ import annotations

from typing import Any

import click

from ..flags import COLLECTING, flags, given


@click.command("collect")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@flags(*COLLECTING, "missing-output")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], **_: Any) -> None:
    """Call the method collect of each entry's class Jobs."""
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..actions.collect import collect, require_outputs
    from ..environments.remote import survey
    from ..errors import FAILED
    from ..schedulers.lazy import Lazy

    config = read_config(given(context))
    surveys = list(survey(select(read_todo(config["todo-list"]), entries), config, Lazy(config).view))
    for found in surveys:
        require_outputs(found)
    if [found for found in surveys if not collect(found)]:
        context.exit(FAILED)
