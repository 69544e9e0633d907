"""Why array tasks ended before jor began in them: the prologue of their script failed, or exited.

The script writes task-<k>.r<restart>.prologue then: its exit status, the number of the line in script.sh (0: not known)
and the command; see `jor_slurm.batch_script`.
"""

from __future__ import annotations

import os
import re

from jor import ConfigError
from jor.runtime.record_files import regular
from jor.runtime.run_folder import Run
from jor_slurm import PROLOGUE_ENDED, CommandError
from jor_slurm.running import run

#: How the name of that file ends.
SUFFIX = ".prologue"
#: Seconds that bash may take to read a prologue.
_PATIENCE = 10
_ATTEMPT = re.compile(rf"task-(\d+)\.r(\d+)(\.jsonl|{SUFFIX})")
#: Most bytes of such a file, of a script, and of the end of a log that are read.
_MOST_NOTE, _MOST_SCRIPT, _LAST_BYTES = 100_000, 4 * 2**20, 16_384
#: What a line says that tells an error; where none does, the last line counts.
_ERROR = re.compile(r"error|not f(?:ou|i)nd|no such|cannot|unable|denied|unbound|fail", re.IGNORECASE)
#: What bash writes before its own messages.
_PLACE = re.compile(r"^\S+: line \d+: ")


def require_syntax(prologue: str, source: str) -> None:
    """Raise ConfigError for a prologue, set by `source`, that bash cannot read to its end: an open quote, say."""
    command = ["bash", "-O", "extglob", "-n"]  # the pattern is all that an option set in the prologue may allow
    try:
        done = run(command, timeout=_PATIENCE, text=f"{prologue}\n")
    except CommandError:
        return  # there is no bash here, or it does not answer: the log will tell
    said = done.stderr.splitlines()
    if said and (done.returncode or "here-document" in said[0]):
        what = f"bash cannot read the prologue: {said[0].removeprefix('bash: ')}"
        raise ConfigError(what, where=source, remedy="Fix it: close each quote, bracket, if, for and here-document")


def ended_prologues(run: Run) -> dict[int, str]:
    """Return why the newest attempt at array tasks ended in the prologue, by task."""
    try:
        names = run.names()
    except FileNotFoundError:
        return {}
    newest: dict[int, tuple[int, str]] = {}
    for match in filter(None, map(_ATTEMPT.fullmatch, names)):
        task, restart = int(match[1]), int(match[2])
        newest[task] = max(newest.get(task, (-1, "")), (restart, match[0]))
    return {task: _reason(run, task, name) for task, (_, name) in newest.items() if name.endswith(SUFFIX)}


def _reason(run: Run, task: int, name: str) -> str:
    try:
        note = run.read(name, _MOST_NOTE).decode(errors="replace").split("\n", 2)
        status, line, command = int(note[0]), int(note[1]), note[2].strip()
        text = _script(run)[line - 1].strip() if line else command
    except (OSError, ValueError, LookupError):
        return "the prologue ended it"
    if not status:
        return f"the prologue ended it: {text}"
    return f"the prologue failed: {text}: {_message(run.log(task)) or f'exit status {status}'}"


def _script(run: Run) -> list[str]:
    return run.read(os.path.basename(run.script), _MOST_SCRIPT).decode(errors="replace").split("\n")


def _message(log: str) -> str:
    """Return the error that the prologue has printed last, or its last line; '' if it has printed nothing."""
    try:
        with open(log, "rb", opener=regular) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_BYTES))
            text = file.read(_LAST_BYTES).decode(errors="replace")
    except OSError:
        return ""
    printed, mark, _ = text.rpartition(f"\n{PROLOGUE_ENDED}")
    lines = [line.strip() for line in printed.splitlines() if line.strip()] if mark else []
    told = [line for line in lines if _ERROR.search(line)] or lines
    return _PLACE.sub("", told[-1])[:300] if told else ""
