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

    from ..scaffold.project import files
    from ..scaffold.wrap import source_of

    made = files(source_of(wanted, _text_of(wanted)) if wanted else None)
    module = next(iter(made))
    if wanted and os.path.normpath(wanted.partition(":")[0]) == module:
        remedy = "Rename the script, or the function"
        raise JorError(f"the job module would be called {module} as well", where=wanted, remedy=remedy)
    there = [name for name in made if os.path.lexists(name)]
    for name in made:
        if name not in there:
            _write(name, made[name])
    kept = f"; {', '.join(there)} left as {'it is' if len(there) == 1 else 'they are'}" if there else ""
    click.echo(f"[jor] Made {', '.join(name for name in made if name not in there) or 'nothing'}{kept}")
    if "todo.yaml" in there and module not in there:
        click.echo(f"  Add to the list in todo.yaml:  - jobmodule: {module}")
    choose = f"  Write the values that you want into {module}, then\n" if wanted else ""
    click.echo(
        f"{choose}"
        "    jor check --try   looks for what would go wrong, and tries one job\n"
        "    jor run           runs what is missing: now, and whenever you call it again\n"
        "    jor status        shows how far it is\n"
        "    jor collect       joins the results into one table"
    )


def _text_of(wanted: str) -> str:
    """Return the content of the script that is to be wrapped; "" for a command. Raise JorError if there is none."""
    import tokenize

    from jor import JorError

    if "{" in wanted:
        return ""
    script = wanted.partition(":")[0]
    try:
        with tokenize.open(script) as file:  # in the encoding that it says it has
            return file.read()
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        remedy = "Name a Python file, or a command with its parameters in braces: 'tool --seed {seed}'"
        raise JorError(f"the script cannot be read: {why}", where=script, remedy=remedy) from error


def _write(name: str, text: str) -> None:
    """Write a new file, whole or not at all. Raise JorError when that cannot be."""
    from jor import JorError

    try:
        with open(name, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        if not isinstance(error, FileExistsError) and os.path.exists(name):
            os.unlink(name)
        remedy = "Call jor init in a folder that you may write to"
        raise JorError(
            f"the file cannot be made: {error.strerror}", where=os.path.abspath(name), remedy=remedy
        ) from error
