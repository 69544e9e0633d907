"""The click group `jor`: its commands are imported when they are called."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

from . import __version__
from .flags import SHARED, flags, test_flag

#: The commands in the order of --help, each with its short help; `jor --help` imports none of them.
COMMANDS = {
    "init": "Make the files of a new project here.",
    "check": "Tell what would go wrong, before any job runs.",
    "run": "Run the jobs of the todo-list whose outputs are missing.",
    "status": "Show where the jobs of the todo-list stand.",
    "show": "Tell all about an entry, or one job of it.",
    "advise": "Tell what to ask for, from what jobs have used.",
    "report": "Write one HTML file that tells everything about the jobs.",
    "collect": "Join the outputs of each entry, as its job module says.",
    "submit": "Run the missing jobs of one job module.",
    "exec": "Run one job of a job module here and now.",
    "accept": "Take outputs that were to be made again as they are.",
    "cancel": "Cancel what was submitted to Slurm.",
    "throttle": "Say how many tasks of a Slurm array run at once.",
    "logs": "Show what jobs have printed.",
    "config": "Show every option, its value, and where that came from.",
}


class _Lazy(click.Group):
    """A group that knows its commands' names and short helps by heart."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 # click's interface
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f".commands.{cmd_name}", __package__).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from jor.errors import nearest

            raise click.UsageError(f"No such command {args[0]!r}. {nearest(args[0], tuple(COMMANDS))}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's interface
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    # What NO_COLOR asks for (no-color.org); None: colours where it is a terminal.
    "color": False if os.environ.get("NO_COLOR") else None,
}


@click.group(cls=_Lazy, context_settings=_SETTINGS)
@flags(*SHARED)
@test_flag
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="jor")
def cli(**_: Any) -> None:
    """Keep track of jobs: run what is missing, show where things stand, join the outputs.

    Jobs are listed by Python classes, and those by todo.yaml; jor.cfg sets options. Options may stand before or
    after the command's name.
    """
