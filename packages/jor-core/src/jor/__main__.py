"""`python -m jor exec`: the command of workers and array tasks. People use `jor`, from jor-cli."""

from __future__ import annotations

import os
import sys

from .errors import JorError
from .runtime.lifetime import Attempt
from .runtime.run_folder import Run
from .runtime.worker import work

USAGE = """\
usage: python -m jor exec RUN TASK [RESTART START_TIME END_TIME JOB_ID]
       python -m jor list DIRECTORY JOBMODULE JOBARGS PATH_PREFIX SEED FILE
       python -m jor collect DIRECTORY JOBMODULE JOBARGS PATH_PREFIX SEED FILE
       python -m jor isolation DIRECTORY JOBMODULE JOBARGS PATH_PREFIX SEED FILE CPUS

exec: be worker TASK of the submission in the folder RUN, fed with jobs through standard input; or array task TASK of a
batch system, which has started it RESTART times before, at START_TIME now, and ends it at END_TIME (seconds since 1970
by its clock; 0: not known). list: write what a job module lists into FILE. collect: call the method collect of its
class; FILE has the indices of jobs whose output is not complete. isolation: write into FILE whether its jobs, with so
many CPUs each, can be forked. jor starts this itself. People use the command jor:
pip install jor-cli."""


def main(argv: list[str]) -> int:
    """Run the command line `argv`; return the exit status."""
    # Parsed by hand: argparse would be a third of the time that a worker takes to start.
    try:
        if len(argv) in (3, 7) and argv[0] == "exec" and all(map(str.isdigit, argv[2:6])):
            task, restart, start, end = (*map(int, argv[2:6]), 0, 0, 0)[:4]
            return work(Run(argv[1]), Attempt(task, restart, end - start if start else 0, "".join(argv[6:])))
        if len(argv) == 7 and argv[0] in ("list", "collect") and argv[5].isdigit():
            from .runtime import remote_jobs  # workers, which start often, do without

            os.chdir(argv[1])
            act = remote_jobs.write_listing if argv[0] == "list" else remote_jobs.collect
            act(argv[6], argv[2], argv[3], argv[4], int(argv[5]))
            return 0
        if len(argv) == 8 and argv[0] == "isolation" and argv[5].isdigit() and argv[7].isdigit():
            from .runtime import remote_jobs

            os.chdir(argv[1])
            remote_jobs.write_isolation(argv[6], argv[2], argv[3], argv[4], int(argv[5]), int(argv[7]))
    except JorError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 # the only voice of a process without a terminal
        return 2
    wants_help = "--help" in argv
    print(USAGE, file=sys.stdout if wants_help else sys.stderr)  # a usage text is for printing
    return 0 if wants_help else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
