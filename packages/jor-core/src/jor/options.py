"""Every option, once: its name, what it may be, where it may be set, and what it does.

jor.cfg, the JOR_* environment, the command line's flags, the todo-list and the README's table are made from OPTIONS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import attrs

from .runtime.jobs import JobsBase

Value = str | int | float | bool | None


@attrs.frozen
class Kind:
    """A kind of value: what to call it, and how to read it from text (ValueError when it is none)."""

    name: str
    read: Callable[[str], Value]
    #: What stands for a value in --help.
    metavar: str = "TEXT"


@attrs.frozen
class Option:
    """One option. `default` is None when it is not set."""

    name: str
    kind: Kind
    default: Value
    section: str
    help: str
    #: Whether an item of the todo-list may set it for itself.
    in_todo: bool = True
    #: Whether a job module's class may set it as an attribute, its dashes written as underscores.
    in_class: bool = False

    @property
    def attribute(self) -> str:
        """The name in Python."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"JOR_{self.attribute.upper()}"


def _boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1_000_000:
        raise ValueError(text)
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise ValueError(text)
    return seconds


def _text(text: str) -> str:
    if "\0" in text or "\n" in text:
        raise ValueError(text)
    return text


def _choice(*choices: str) -> Kind:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return Kind(" or ".join(choices), read)


BOOLEAN: Final = Kind("True or False", _boolean)
COUNT: Final = Kind("a whole number from 1 on", _count, "N")
SECONDS: Final = Kind("a number of seconds", _seconds, "SECONDS")
TEXT: Final = Kind("a text of one line", _text)
PATH: Final = Kind("a path", _text, "PATH")

# Forking a process that has touched the system's frameworks is unsafe there (bugs.python.org/issue33725).
_DEFAULT_ISOLATION = "spawn" if sys.platform == "darwin" else "fork"

OPTIONS: Final = (
    Option("path-prefix", PATH, ".", "global", "Folder for all outputs; the job modules get it as path_prefix."),
    Option("overwrite-output", BOOLEAN, False, "global", "Run all jobs again; each old output stands until the new one is whole.", in_todo=False),  # noqa: E501
    Option("todo-list", PATH, "todo.yaml", "run", "The file that lists what is to be run.", in_todo=False),
    Option("scheduler", _choice("local", "slurm"), "local", "submit", "Where jobs run: local is this machine. slurm is not part of this version yet."),  # noqa: E501
    Option("partition", TEXT, None, "submit", "Slurm partition; ignored by local."),
    Option("sif", PATH, None, "submit", "Singularity or Apptainer image to run jobs in; not part of this version yet."),
    Option("condaenv", TEXT, None, "submit", "conda environment to run jobs in; not part of this version yet."),
    Option("mem", TEXT, JobsBase.mem, "submit", "Memory of one job in Slurm's syntax (500M, 5G); local starts no more workers than fit.", in_class=True),  # noqa: E501
    Option("time", TEXT, JobsBase.time, "submit", "Time limit of one job in Slurm's syntax (days-hours:minutes:seconds); ignored by local.", in_class=True),  # noqa: E501
    Option("cpus-per-task", COUNT, JobsBase.cpus_per_task, "submit", "CPUs of one job; OMP_NUM_THREADS and its relatives are set to it.", in_class=True),  # noqa: E501
    Option("workers", COUNT, None, "local", "Jobs to run at once; not set: as many as CPUs and memory allow."),
    Option("isolation", _choice("fork", "spawn", "none"), _DEFAULT_ISOLATION, "local", "A job's process: fork of one that has loaded the job module, spawn afresh, or none of its own.", in_class=True),  # noqa: E501
    Option("grace-period", SECONDS, 10.0, "local", "Seconds that running jobs get to end by themselves when the run is interrupted."),  # noqa: E501
    Option("missing-output", _choice("ignore", "raise"), "ignore", "collect", "What collect does when outputs are missing: go on with a warning, or stop."),  # noqa: E501
)  # fmt: skip

BY_NAME: Final = {option.name: option for option in OPTIONS}
SECTIONS: Final = tuple(dict.fromkeys(option.section for option in OPTIONS))
