"""The rim: where errors become messages and exit codes."""

from __future__ import annotations

import os
import signal

from jor import BusyError, CollectError, JorError, Mistakes

#: Some job, or collect, failed.
FAILED = 1
#: Wrong usage, config, todo-list or job module.
WRONG = 2
#: Nothing is wrong, but something holds jobs back: run again later (EX_TEMPFAIL of sysexits.h).
LATER = 75
#: Stopped by Ctrl-C.
INTERRUPTED = 128 + signal.SIGINT


def explained() -> tuple[type[Exception], ...]:
    """Return the errors that a user can mend; all others are bugs, and show their traceback."""
    from jor_containers import ContainerError  # not for a command that goes well
    from jor_slurm import SlurmError

    return JorError, SlurmError, ContainerError


def of_the_system(error: OSError) -> JorError:
    """Return the error for what the file system, or whatever else the system offers, did not do for a command."""
    return JorError(
        error.strerror or str(error),
        where=os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "",
        remedy="Mend that and run again: no output is lost. --debug tells what jor was about to do",
    )


def exit_code(error: Exception) -> int:
    """Return the exit code of the command that `error` ended."""
    from jor_slurm import CommandError, LimitError, MissingError

    codes = ((MissingError, WRONG), ((BusyError, LimitError, CommandError), LATER), (CollectError, FAILED))
    for kind, code in codes:
        if isinstance(error, kind):
            return code
    return WRONG


def message(error: Exception) -> str:
    """Return what the user is told: what happened, where, what to do."""
    if isinstance(error, Mistakes):
        return "\n".join(message(one) for one in error.errors)
    return f"Error: {error}"
