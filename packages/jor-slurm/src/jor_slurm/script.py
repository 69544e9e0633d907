"""The script of a batch job: a prologue, then one command in the place of the shell.

Source: sbatch(1). The shell execs the command, so that a signal to the batch shell (`--signal=B:...`) reaches it.

A line of the prologue that fails ends the script, as with `set -e`, but for what fails within functions, files that
are sourced, and subshells: there only their own exit status counts. It is a trap on ERR and not `set -e`, which would
also end functions like `module` and `conda` that pass over failures of their own.
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


#: What the log says when the prologue has ended the script; before it stands what the prologue printed last.
PROLOGUE_ENDED = "[jor] The prologue ended this task"
#: Around a prologue, for bash 4.2 and newer. The function is called with an exit status, the number of a line (0 as the
#: script exits) and a command. Left alone is what a subshell, a function or a sourced file does inside; and the end by
#: a signal, when the status is 0 and the command no `exit`. LINENO is of the whole script, whose first line is 1.
_GUARD = """\
_jor_prologue() {
  if ((BASH_SUBSHELL || ($2 && ${#BASH_SOURCE[@]} > 2))) || [[ $1$2 == 00 && $3 != exit* ]]; then return 0; fi
  trap - ERR EXIT
  printf '%%s\\n' "$@" %s
  printf '\\n%s (line %%s of its script): %%s: exit status %%s\\n' "$2" "$3" "$1" >&2
  exit "$1"
}
trap '_jor_prologue "$?" "$LINENO" "$BASH_COMMAND"' ERR
trap '_jor_prologue "$?" 0 "$BASH_COMMAND"' EXIT
"""
_GUARD_END = "\ntrap - ERR EXIT; unset -f _jor_prologue\n"


def batch_script(
    command: Sequence[str],
    *,
    variables: Sequence[Variable] = (),
    prologue: str = "",
    ended: Sequence[str | Variable] = (),
) -> str:
    """Return the script that runs `command` with `variables` as its last words, after the lines of `prologue`.

    The words of the command are quoted; the prologue is bash text and stands as it is. When a line of it fails, or it
    exits, the script ends; the path that the parts `ended` make, if any, then gets the exit status, the number of the
    line in the script (0: not known) and the command, a line each. Raise OptionError for what no script can hold, and
    for options in the prologue, which sbatch would obey.
    """
    text = "".join([*command, prologue, *(part for part in ended if isinstance(part, str))])
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
    if prologue.strip():
        path = "".join(str(part) if isinstance(part, Variable) else shlex.quote(part) for part in ended)
        prologue = _GUARD % (f">| {path} || :" if path else "> /dev/null", PROLOGUE_ENDED) + prologue + _GUARD_END
    words = [shlex.join(command), *map(str, variables)]
    script = f"#!/bin/bash\n{prologue}exec {' '.join(words)}\n"
    if len(script.encode(errors="surrogateescape")) > MAX_SCRIPT:
        raise OptionError("the script is larger than 4 MB: sbatch would refuse it", remedy="Shorten the prologue")
    return script
