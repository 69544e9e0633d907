"""`jor check`: what would go wrong, before it does."""

from __future__ import annotations

from typing import Any

import click

from ..flags import RUNNING, SHARED, flags, given


@click.command("check")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--try", "trial", is_flag=True, help="Execute one job of each entry, in a folder that is deleted again.")
@flags(*SHARED, *RUNNING)
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], trial: bool, **_: Any) -> None:
    """Tell what is well and what is not, before any job runs; exit code 1 if something is not.

    The job modules, their outputs, resources, space, the image and the environment, and whether Slurm would
    take the jobs.
    """
    from jor.config import read_config
    from jor.todo import read_todo, select

    from ..checking import check
    from ..errors import FAILED

    config = read_config(given(context))
    wrong = 0
    for label, findings in check(select(read_todo(config["todo-list"]), entries), config, trial=trial):
        click.secho(label, bold=True)
        for finding in findings:
            wrong += not finding.is_well
            mark = click.style("ok   ", fg="green") if finding.is_well else click.style("WRONG", fg="red")
            first, *others = finding.text.split("\n")
            click.echo("\n".join([f"  {mark}  {first}", *(f"         {line}" for line in others)]))
    if wrong:
        click.echo(f"{wrong} thing{'' if wrong == 1 else 's'} to mend")
        context.exit(FAILED)
    click.echo("All is well")
