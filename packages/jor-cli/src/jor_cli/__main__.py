"""The command `jor`: runs the click group and turns errors into messages and exit codes."""

from __future__ import annotations

import sys

import click

from .errors import EXPLAINED, INTERRUPTED, exit_code, message
from .main import cli


def main() -> None:
    """Run the command line of this process and exit."""
    try:
        sys.exit(cli.main(prog_name="jor", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:  # Ctrl-C outside of a run, which sees to it by itself
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except EXPLAINED as error:
        if "--debug" in sys.argv:
            raise
        click.echo(message(error), err=True)
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
