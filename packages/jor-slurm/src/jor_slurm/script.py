"""The script of a batch job: a prologue, then one command in the place of the shell.

Source: sbatch(1). The shell execs the command, so that a signal to the batch shell (`--signal=B:...`) reaches it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import attrs

from .errors import OptionError

#: sbatch refuses larger ones (slurm.conf(5), max_script_size).
MAX_SCRIPT = 4 * 2**20

#: A line before the first command that holds options for sbatch, of its own or of other schedulers.
_OPTIONS = re.compile(r"\A(?:[ \t]*(?:#.*)?\n)*(#(?:SBATCH|SLURM|PBS|BSUB)\b.*)")


@attrs.frozen
class Variable:
    """A variable of the script's environment, as one word of its command; `default` where it is not set."""

    name: str = attrs.field()
    default: str = attrs.field(default="")

    @name.validator
    def _check_name(self, _attribute: object, value: str) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise OptionError(f"{value!r:.100} is no name of a variable", remedy="Use letters, digits and _")

    @default.validator
    def _check_default(self, _attribute: object, value: str) -> None:
        # Shells do not agree on how to quote anything else in there.
        if not re.fullmatch(r"[A-Za-z0-9_@%+=:,./ -]*", value):
            raise OptionError(
                f"{value!r:.100} cannot be the default of a variable",
                remedy="Use letters, digits, spaces and _ @ % + = : , . / -",
            )

    def __str__(self) -> str:
        return f'"${{{self.name}:-{self.default}}}"'


#: Which task of its array a script runs; how often it has been requeued; when it was started and will be ended (since
#: 23.02, seconds since 1970 by the clock of slurmctld); its job id. Source: sbatch(1), output environment variables.
ARRAY_TASK_ID = Variable("SLURM_ARRAY_TASK_ID", "0")
RESTART_COUNT = Variable("SLURM_RESTART_COUNT", "0")
START_TIME = Variable("SLURM_JOB_START_TIME", "0")
END_TIME = Variable("SLURM_JOB_END_TIME", "0")
JOB_ID = Variable("SLURM_JOB_ID", "0")


def batch_script(
    command: Sequence[str], *, variables: Sequence[Variable] = (), prologue: str = "", shell: str = "/bin/bash"
) -> str:
    """Return the script that runs `command` with `variables` as its last words, after the lines of `prologue`.

    The words of the command are quoted; the prologue is shell text and stands as it is. Raise OptionError for what no
    script can hold, and for options in the prologue, which sbatch would obey.
    """
    text = "".join([*command, prologue])
    if "\0" in text or "\r" in prologue:
        raise OptionError("a script cannot hold NUL or carriage return characters", remedy="Remove them")
    prologue = prologue.strip("\n")
    options = _OPTIONS.search(prologue)
    if options:
        raise OptionError(
            f"sbatch would take this line for options: {options[1]!r:.100}",
            where="prologue",
            remedy="Give them as options of the job",
        )
    words = [shlex.join(command), *map(str, variables)]
    script = "\n".join([f"#!{shell}", *([prologue] if prologue else []), f"exec {' '.join(words)}"]) + "\n"
    if len(script.encode(errors="surrogateescape")) > MAX_SCRIPT:
        raise OptionError("the script is larger than 4 MB: sbatch would refuse it", remedy="Shorten the prologue")
    return script
