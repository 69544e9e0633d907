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
    from ..actions.collect import collect_all
    from ..errors import FAILED
    from ..workspace import Workspace

    workspace = context.with_resource(Workspace.open(given(context)))
    if not collect_all(workspace, workspace.entries(entries)):
        context.exit(FAILED)
