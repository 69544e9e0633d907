"""The command `jor`: runs the click group and turns errors into messages and exit codes."""

from __future__ import annotations

import io
import os
import sys

import click

from .errors import INTERRUPTED, WRONG, exit_code, explained, message, of_the_system
from .main import cli
from .terminal import echo


def main() -> None:
    """Run the command line of this process and exit."""
    _complete_standard_files()
    try:
        code = cli.main(prog_name="jor", standalone_mode=False)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        usage, mark, what = f"\n{said.getvalue().rstrip()}".partition("\nError: ")
        echo((usage + mark + what.replace("\n", "\n  "))[1:], err=True)
        sys.exit(error.exit_code)
    except click.Abort:  # Ctrl-C outside of a run, which sees to it by itself
        echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except explained() as error:
        _tell(error, message(error))
        sys.exit(exit_code(error))
    except OSError as error:
        _tell(error, message(of_the_system(error)))
        sys.exit(WRONG)
    sys.exit(code)


def _tell(error: BaseException, text: str) -> None:
    if "--debug" in sys.argv:
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        echo(text, err=True)


def _complete_standard_files() -> None:
    """Open those of standard input, output and error that are closed (`jor run >&-`), lest other files become them."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115 # open as long as the process lives
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for letters that the terminal does not have


if __name__ == "__main__":
    main()
