"""What sbatch says when it fails -> what may be done next.

Sources: src/common/slurm_errno.c of Slurm 22.05 to 26.05; each class was provoked on a real cluster where it could be.
"""

from __future__ import annotations

import re

from .errors import AccountLimitError, LimitError, RefusedError, SlurmError, UnconfirmedError, UnreachableError
from .states import why_stuck

_LATER = "Try again later"

#: It may have reached the controller, which may still submit it. One of these outweighs all else that is said.
_AMBIGUOUS = (
    "socket timed out",
    "connection timed out writing",  # this and the next since 24.11
    "connection timed out reading",
    "send failure",
    "receive failure",
    "shutdown failure",
    "zero bytes were transmitted",
    "unexpected message received",
    "munge decode failed",
)
#: It did not reach the controller: nothing was submitted.
_UNREACHED = (
    "unable to contact slurm controller (connect failure)",
    "connection timed out establishing",
    "munge encode failed",
    "failed to access",
    "connection refused",
    "slurm backup controller in standby mode",
    "rate limit exceeded",
    "system submissions disabled",
    "unable to resolve",
    "unable to process configuration file",  # sbatch has not found out whom to ask
    "could not establish a configuration source",
)
#: The same without one of these: it may as well be the answer that could not be read.
_VAGUE = ("unable to contact slurm controller", "protocol authentication error")
#: The account, or its QOS, may not have so much in the queue.
_ACCOUNT_LIMITS = ("maxsubmit", "job violates accounting/qos policy")
#: The controller is full, and sbatch has tried for two minutes.
_LIMITS = (
    "resource temporarily unavailable",
    "job creation temporarily disabled",
    "temporarily unable to accept job",
    "job queue full",
    "maxjobcount",
)
#: It will never be accepted as it is.
_REMEDIES = (
    ("maxwalldurationperjoblimit", "Ask for less time, or choose another QOS"),
    ("invalid partition", "Choose one of those that sinfo shows"),
    ("invalid qos", "Choose one of those that `sacctmgr show assoc user=$USER format=qos` shows"),
    ("invalid account", "Choose one of those that `sacctmgr show assoc user=$USER format=account,partition` shows"),
    ("memory specification can not be satisfied", "Ask for less memory, or choose a partition with larger nodes"),
    ("requested node configuration is not available", "Ask for less, or choose another partition"),
    ("invalid feature specification", "Choose features that `sinfo -o %f` shows"),
    ("invalid generic resource", "Choose resources that `sinfo -o %G` shows"),
    ("requested time limit is invalid", "Ask for less time, or choose another partition"),
    (
        "invalid job array specification",
        "Submit smaller arrays: MaxArraySize or max_array_tasks is less than expected",
    ),
    ("parameter too long", "Shorten names and paths"),
    ("job dependency problem", "Check the option dependency"),
)


def refusal(returncode: int, stderr: str) -> SlurmError:
    """Return the error that an sbatch which printed no job id stands for."""
    words = _words(stderr) or f"sbatch ended with exit status {returncode} and said nothing"
    low = stderr.lower()
    if returncode < 0:
        return UnconfirmedError(f"sbatch was killed by signal {-returncode}", remedy=_LATER)
    if returncode == 0 or _any(_AMBIGUOUS, low):
        return UnconfirmedError(words, remedy=_LATER)
    if _any(_UNREACHED, low):
        return UnreachableError(words, remedy=_LATER)
    if _any(_VAGUE, low):
        return UnconfirmedError(words, remedy=_LATER)
    for text, remedy in _REMEDIES:
        if text in low:
            return RefusedError(words, remedy=remedy)
    if any(map(why_stuck, re.findall(r"\w+", stderr))):
        return RefusedError(words, remedy="Ask for what the account and its QOS allow one job")
    if _any(_ACCOUNT_LIMITS, low):
        return AccountLimitError(words, remedy=_LATER)
    if _any(_LIMITS, low):
        return LimitError(words, remedy=_LATER)
    return RefusedError(words, remedy="See the manual of sbatch, which says this, or ask the cluster's administrators")


def _any(texts: tuple[str, ...], low: str) -> bool:
    return any(text in low for text in texts)


def _words(stderr: str) -> str:
    """Return what a command said, in one line, without its name at the start of each."""
    lines = (line.strip() for line in stderr.split("\n"))
    return "; ".join(line.partition("error: ")[2] or line for line in lines if line)[:500]
