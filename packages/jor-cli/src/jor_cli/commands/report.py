"""`jor report`: everything about the jobs as one page."""

from __future__ import annotations

from typing import Any

import click

from ..flags import flags, given


@click.command("report")
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default="jor-report.html",
    help="The file to write; jor-report.html if none is named.",
)
@flags("path-prefix", "todo-list", "poll-interval")
@click.pass_context
def command(context: click.Context, /, entries: tuple[str, ...], output: str, **_: Any) -> None:
    """Write one HTML file that tells how far the jobs are, what failed, and what they used, when and where.

    It opens in a browser without a network: progress, failures by cause, memory and time against what was asked
    for, a timeline of hosts, and a map of the parameters.
    """
    import os
    import time

    from jor import JorError
    from jor.settings.config import read_config
    from jor.todo.reader import read_todo, select

    from ..analysis.report import report
    from ..environments.remote import survey
    from ..files import put
    from ..rendering.report_html import as_html
    from ..schedulers.lazy import Lazy

    config = read_config(given(context))
    chosen = select(read_todo(config["todo-list"]), entries)
    found = report(survey(chosen, config, Lazy(config).view), time.time())
    page = as_html(found, f"{os.path.basename(os.getcwd())}: jor report").encode(errors="replace")
    try:
        put(output, page)
    except OSError as error:
        remedy = "Name a file in a folder that can be written: --output FILE"
        raise JorError(f"the report cannot be written: {error.strerror}", where=output, remedy=remedy) from error
    click.echo(f"[jor] Wrote {output} ({len(page) / 1e6:.1f} MB)")
