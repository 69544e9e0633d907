"""`jor init`: the files of a new project."""

from __future__ import annotations

import os

import click


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
    from jor import JorError

    from ..scaffold import files, source_of

    text = ""
    if wanted and "{" not in wanted:
        script = wanted.partition(":")[0]
        try:
            with open(script, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            remedy = "Name a Python file in this folder"
            raise JorError(f"the script cannot be read: {why}", where=script, remedy=remedy) from error
    made = files(source_of(wanted, text) if wanted else None)
    there = [name for name in made if os.path.exists(name)]
    for name in made:
        if name not in there:
            with open(name, "x", encoding="utf-8") as file:
                file.write(made[name])
    kept = f"; {', '.join(there)} left as {'it is' if len(there) == 1 else 'they are'}" if there else ""
    click.echo(f"[jor] Made {', '.join(name for name in made if name not in there) or 'nothing'}{kept}")
    module = next(iter(made))
    choose = f"  Choose the values of the parameters in {module}\n" if wanted else ""
    click.echo(f"{choose}  See what would run: jor run --dry-run\n  Run it: jor run")
