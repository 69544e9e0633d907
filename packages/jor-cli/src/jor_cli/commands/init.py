"""`jor init`: the files of a new project."""

from __future__ import annotations

import click

from ..terminal import echo


@click.command("init")
@click.option(
    "--from",
    "wanted",
    metavar="SOURCE",
    help="Wrap what there is: SCRIPT.py, SCRIPT.py:FUNCTION, "
    "or a command such as 'simulate --seed {seed} --out {output}'.",
)
def command(wanted: str | None) -> None:
    """Make a job module, a todo-list and jor.cfg here: a project that runs.

    Nothing that exists is touched.
    """
    from ..rendering.created import as_text
    from ..scaffold.create import create

    created = create(wanted)
    echo(as_text(created.module, created.made, created.kept, is_wrapper=wanted is not None))
