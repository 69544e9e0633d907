"""`jor check`: what would go wrong, before it does."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ..flags import RUNNING, SHARED, flags, given

if TYPE_CHECKING:
    from ..actions.check import Finding

#: Things of which all that is well is told; of more, what is wrong.
MOST = 20


@click.command("check")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option(
    "--try",
    "trial",
    is_flag=True,
    help="Execute one job of each entry, in a folder that is deleted again unless the job fails.",
)
@flags(*SHARED, *RUNNING)
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], trial: bool, **_: Any) -> None:
    """Tell what is well and what is not, before any job runs; exit code 1 if something is not.

    The options, the todo-list, job modules, their outputs, resources, space, the image and the environment,
    and whether Slurm would take the jobs.
    """
    from ..actions.check import check
    from ..errors import FAILED
    from ..formatting import counted

    wrong = folded = 0
    for number, (label, found) in enumerate(check(given(context), entries, trial=trial)):
        findings: Iterator[Finding] = found
        if number >= MOST:
            findings = iter([finding for finding in found if not finding.is_well])
        first = next(findings, None)
        if first is None:
            folded += 1
            continue
        click.secho(label, bold=True)
        wrong += _show(first) + sum(map(_show, findings))
    if folded:
        click.echo(f"{folded:,} more in which all is well: jor check ENTRY tells what was looked at")
    if wrong:
        click.echo(f"{counted(wrong, 'thing')} to mend")
        context.exit(FAILED)
    click.echo("All is well")


def _show(finding: Finding) -> bool:
    """Print what was found; tell whether it is wrong."""
    from ..rendering.tables import width

    mark = click.style("ok   ", fg="green") if finding.is_well else click.style("WRONG", fg="red")
    lines = finding.text.split("\n")
    if sys.stdout.isatty():
        lines = [part for line in lines for part in _wrapped(line, width() - 9)]
    click.echo("\n".join([f"  {mark}  {lines[0]}", *(f"         {line}" for line in lines[1:])]))
    return not finding.is_well


def _wrapped(line: str, size: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    wrapped = textwrap.wrap(
        line.lstrip(), size, initial_indent=indent, subsequent_indent=indent + "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return wrapped or [line]
