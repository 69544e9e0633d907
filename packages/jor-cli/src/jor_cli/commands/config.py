"""`jor config`: every option, its value, and where that came from."""

from __future__ import annotations

from typing import Any

import click

from jor.settings.options import OPTIONS

from ..flags import flags, given
from ..terminal import echo


@click.command("config")
@flags(*(option.name for option in OPTIONS))
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Show every option, its value, and where that came from.

    What entries of the todo-list and attributes of classes Jobs set for themselves is not shown: it differs.
    """
    from ..rendering.tables import table
    from ..workspace import Workspace

    config = Workspace.open(given(context)).config
    rows = []
    for option in OPTIONS:
        setting = config.setting(option.name)
        value = "" if setting.value is None else str(setting.value)
        source = "not set" if setting.value is None else setting.source
        rows.append([f"[{option.section}]", option.name, value, source])
    echo(table(["section", "option", "value", "source"], rows))
