"""Whether what a command of Slurm left behind is an answer.

A front end of the site's (a pipe, a cache, a wrapper) may lose the exit status, and with it the failure: an error on
standard error, nothing on standard output, status 0. Nothing may be made of that, least of all an empty queue.
"""

from __future__ import annotations

import re

from .running import Finished

#: What an answer has to show, by the first words of the command: the names of the columns, or at least a row.
_PROOFS = (
    (("squeue",), re.compile(r"^(ARRAY_JOB_ID|[0-9]{1,10})\|", re.MULTILINE)),
    (("sacct",), re.compile(r"^(JobID|[0-9][^|\n]*)\|", re.MULTILINE)),
    (("scontrol", "show", "config"), re.compile(r"=")),
)
#: The controller, or the database, was not heard: an answer beside it is an old one, or half of one.
_UNHEARD = re.compile(r"slurm_\w+ error:|[Ss]ocket timed out|[Uu]nable to contact|talking to the database")
#: The same, where a front end puts both streams into one.
_UNHEARD_LINE = re.compile(r"^(slurm_\w+ error:|(squeue|sacct): error:).*", re.MULTILINE)
#: Nothing, or what sacct prints before it asks its database.
_EMPTY = re.compile(r"\s*(JobID\|.*)?\s*")
_ERROR = re.compile(r"\b(error|fatal|failed|failure|refused|timed out|timeout|unable|cannot|denied)\b", re.IGNORECASE)


def why_no_answer(done: Finished) -> str:
    """Return why a command has given no answer, in its own words if it has any; '' if it has given one."""
    words = "; ".join(filter(None, map(str.strip, done.stderr.split("\n"))))[:500]
    if done.returncode:
        return words or f"exit status {done.returncode}"
    among_rows = _UNHEARD_LINE.search(done.stdout) if "error:" in done.stdout else None
    if among_rows is not None:
        return among_rows[0]
    if _UNHEARD.search(done.stderr) or (_EMPTY.fullmatch(done.stdout) and _ERROR.search(done.stderr)):
        return words
    for command, proof in _PROOFS:
        if done.argv[: len(command)] == command and not proof.search(done.stdout):
            said = done.stdout.strip() or words
            return f"gave no answer, but {said!r:.100}" if said else "gave no answer, and ended with status 0"
    return ""
