"""`python -m jor exec`: the command of workers and array tasks. People use `jor`, from jor-cli."""

from __future__ import annotations

import sys

from .errors import JorError
from .runtime.execution import Report
from .runtime.records import Run
from .runtime.worker import run_one, work

USAGE = """\
usage: python -m jor exec RUN TASK
       python -m jor exec RUN @OFFSET OUTPUT REPORT

Be worker TASK of the submission in the folder RUN, fed with jobs through standard input; or the process of the one
job at OFFSET of its jobs.jsonl, writing at OUTPUT and telling errors through the file descriptor REPORT.
jor starts this itself. People use the command jor: pip install jor-cli."""


def main(argv: list[str]) -> int:
    """Run the command line `argv`; return the exit status."""
    # Parsed by hand: argparse would be a third of the time that a worker takes to start.
    if len(argv) == 3 and argv[0] == "exec" and argv[2].isdigit():
        command = lambda: work(Run(argv[1]), int(argv[2]))  # noqa: E731
    elif len(argv) == 5 and argv[0] == "exec" and argv[2].startswith("@"):
        command = lambda: run_one(Run(argv[1]), int(argv[2][1:]), argv[3], Report(int(argv[4])))  # noqa: E731
    else:
        print(USAGE, file=sys.stdout if "--help" in argv else sys.stderr)
        return 0 if "--help" in argv else 2
    try:
        return command()
    except JorError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
