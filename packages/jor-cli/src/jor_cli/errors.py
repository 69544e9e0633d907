"""The rim: where errors become messages and exit codes."""

from __future__ import annotations

import signal

from jor import BusyError, CollectError, JorError, Mistakes
from jor_containers import ContainerError
from jor_slurm.errors import CommandError, LimitError, SlurmError

#: Errors that a user can mend; all others are bugs, and show their traceback.
EXPLAINED = (JorError, SlurmError, ContainerError)

#: Some job, or collect, failed.
FAILED = 1
#: Wrong usage, config, todo-list or job module.
WRONG = 2
#: Nothing is wrong, but something holds jobs back: run again later (EX_TEMPFAIL of sysexits.h).
LATER = 75
_CODES = (((BusyError, LimitError, CommandError), LATER), (CollectError, FAILED))
#: Stopped by Ctrl-C.
INTERRUPTED = 128 + signal.SIGINT


def exit_code(error: Exception) -> int:
    """Return the exit code of the command that `error` ended."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return WRONG


def message(error: Exception) -> str:
    """Return what the user is told: what happened, where, what to do."""
    if isinstance(error, Mistakes):
        return "\n".join(message(one) for one in error.errors)
    return f"Error: {error}"
