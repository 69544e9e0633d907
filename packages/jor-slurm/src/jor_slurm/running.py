"""Run a command of Slurm: with a time-out, in an environment that does not steer it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence

import attrs

from .errors import CommandError, MissingError
from .parsing import TIME_FORMAT

#: What in the environment changes what Slurm's commands show and do, silently (squeue(1), sbatch(1), ... ENVIRONMENT),
#: or belongs to the job that the submitter runs in and would reach the submitted one, whatever --export says.
_STEERING = re.compile(r"(SLURM|SLURMD|SRUN|SBATCH|SQUEUE|SACCT|SCANCEL|SCONTROL|SINFO|PMI|PMI2|PMIX)_.*")
#: What sites ask users to set in their profile.
SITE_VARIABLES = frozenset(f"SBATCH_{name}" for name in ("ACCOUNT", "PARTITION", "QOS", "CONSTRAINT", "RESERVATION"))


@attrs.frozen
class Finished:
    """A command that has ended by itself."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


def submission_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` as sbatch, and by it the job, is to get it: without what belongs to an enclosing job.

    SLURM_CONF stays, and of SBATCH_* what sites ask for: `SITE_VARIABLES`.
    """
    return {
        name: value
        for name, value in environment.items()
        if name == "SLURM_CONF" or name in SITE_VARIABLES or not _STEERING.fullmatch(name)
    }


def asking_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` as commands are to get it whose output is parsed."""
    kept = {name: value for name, value in submission_environment(environment).items() if name not in SITE_VARIABLES}
    # Index lists are cut in the middle of a number unless SLURM_BITSTR_LEN is 0 (squeue(1)).
    return {**kept, "LC_ALL": "C", "SLURM_BITSTR_LEN": "0", "SLURM_TIME_FORMAT": TIME_FORMAT}


def run(
    argv: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None, text: str = ""
) -> Finished:
    """Run `argv` with `text` as its standard input; return what it said, however it ended.

    Raise MissingError when the program is not there, and CommandError when it has not ended after `timeout` seconds: it
    is killed then.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(asking_environment(os.environ) if environment is None else environment),
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,  # so that a Ctrl-C does not end it halfway, and a time-out ends all of it
        )
    except OSError as error:
        raise MissingError(
            f"{argv[0]} cannot be started: {error.strerror}",
            remedy="Run it where Slurm's commands are: on a login node of the cluster",
        ) from error
    try:
        stdout, stderr = process.communicate(text, timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        raise CommandError(
            f"{argv[0]} gave no answer within {timeout:.0f} s",
            remedy="Try again later: Slurm's controller may be busy or down",
        ) from None
    except BaseException:
        _end(process)
        raise
    return Finished(tuple(argv), process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just ended
    process.communicate()
