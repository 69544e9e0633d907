"""Every option, once: its name, what it may be, where it may be set, and what it does.

jor.cfg, the JOR_* environment, the command line's flags, the todo-list and the README's table are made from OPTIONS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from ..runtime.jobs import JobsBase

Value = str | int | float | bool | None


@attrs.frozen
class Kind:
    """A kind of value: what to call it, and how to read it from text (ValueError when it is none)."""

    name: str
    read: Callable[[str], Value]
    #: What stands for a value in --help.
    metavar: str = "TEXT"
    #: The texts that it may be, if they can be listed.
    choices: tuple[str, ...] = ()


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
    def is_switch(self) -> bool:
        """Whether it is on or off, and its flag needs no value."""
        return self.kind in (BOOLEAN, AUTO)

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


def _automatic(text: str) -> bool:
    return text.lower() == "auto" or _boolean(text)


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1_000_000:
        raise ValueError(text)
    return count


def _count_or_auto(text: str) -> int | str:
    return "auto" if text.lower() == "auto" else _count(text)


def _retries(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**64:
        raise ValueError(text)
    return seed


def _factor(text: str) -> float:
    factor = float(text)
    if not 1 <= factor <= 100:
        raise ValueError(text)
    return factor


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise ValueError(text)
    return seconds


def _text(text: str) -> str:
    if "\0" in text or "\n" in text:
        raise ValueError(text)
    return text


def _lines(text: str) -> str:
    if "\0" in text or "\r" in text:
        raise ValueError(text)
    return text


def _choice(*choices: str) -> Kind:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return Kind(" or ".join(choices), read, choices=choices)


BOOLEAN: Final = Kind("True or False", _boolean)
AUTO: Final = Kind("auto, True or False", _automatic)
COUNT: Final = Kind("a whole number from 1 on", _count, "N")
COUNT_OR_AUTO: Final = Kind("auto, or a whole number from 1 on", _count_or_auto, "N")
RETRIES: Final = Kind("a whole number from 0 on", _retries, "N")
SEED: Final = Kind("a whole number from 0 to 2**64 - 1", _seed, "N")
FACTOR: Final = Kind("a number from 1 to 100", _factor, "X")
SECONDS: Final = Kind("a number of seconds", _seconds, "SECONDS")
TEXT: Final = Kind("a text of one line", _text)
LINES: Final = Kind("a text of some lines", _lines)
PATH: Final = Kind("a path", _text, "PATH")

OPTIONS: Final = (
    Option("path-prefix", PATH, ".", "global", "Folder for all outputs; the job modules get it as path_prefix."),
    Option("overwrite-output", BOOLEAN, False, "global", "Run all jobs again; each old output stands until the new one is whole. Set in a file or a variable, it does so once.", in_todo=False),
    Option("todo-list", PATH, "todo.yaml", "run", "The file that lists what is to be run.", in_todo=False),
    Option("try-limit", SECONDS, 600.0, "run", "Seconds after which jor check --try ends the job that it tries, which is no error."),
    Option("scheduler", _choice("local", "slurm"), "local", "submit", "Where jobs run: on this machine, or as job arrays of Slurm."),
    Option("partition", TEXT, None, "submit", "Slurm partition, or several with commas between them; ignored by local."),
    Option("sif", PATH, None, "submit", "Apptainer or Singularity image to run jobs in: a SIF file, a sandbox folder, or a URI."),
    Option("condaenv", TEXT, None, "submit", "conda environment to run jobs in: a name, or a prefix with a slash in it; with sif, inside the container."),
    Option("account", TEXT, None, "submit", "Slurm account that the time is charged to."),
    Option("qos", TEXT, None, "submit", "Slurm quality of service."),
    Option("mem", TEXT, JobsBase.mem, "submit", "Memory of one job in Slurm's syntax (500M, 5G); local starts no more workers than fit.", in_class=True),
    Option("time", TEXT, JobsBase.time, "submit", "Time limit of one job in Slurm's syntax (days-hours:minutes:seconds); ignored by local.", in_class=True),
    Option("cpus-per-task", COUNT, JobsBase.cpus_per_task, "submit", "CPUs of one job; OMP_NUM_THREADS and its relatives are set to it.", in_class=True),
    Option("fsync", BOOLEAN, False, "submit", "Have outputs and records on the disk before a job counts as done, so that a power loss costs none."),
    Option("keep-runs", BOOLEAN, False, "submit", "Keep the folder of each submission under .jor. If not, those of old submissions that have ended are folded into past.jsonl."),
    Option("seed", SEED, 0, "submit", "What the random numbers of all jobs begin from; another whole number gives other ones."),
    Option("workers", COUNT, None, "local", "Jobs to run at once; not set: as many as CPUs and memory allow."),
    Option("isolation", _choice("auto", "fork", "spawn", "none"), "auto", "local", "A job's process: fork of one that has loaded the job module, spawn afresh, or none of its own; auto: fork, but spawn where loading the job module starts threads.", in_class=True),
    Option("grace-period", SECONDS, 10.0, "local", "Seconds that running jobs get to end by themselves when the run is interrupted."),
    Option("jobs-per-task", COUNT_OR_AUTO, "auto", "slurm", "Jobs that an array task runs one after the other; auto: as many as fill target-task-time by the durations seen so far, or fewer for twenty tasks of a minute; before any job has run, 1 for each worker of a task."),
    Option("target-task-time", TEXT, "00:30:00", "slurm", "How long an array task is to last when jobs-per-task is auto."),
    Option("workers-per-task", COUNT, 1, "slurm", "Jobs that an array task runs at once; it asks for so many times cpus-per-task and mem."),
    Option("array-throttle", COUNT, None, "slurm", "Array tasks of a submission that run at once; jor throttle changes it while they wait."),
    Option("max-submitted", COUNT, None, "slurm", "Array tasks of jor in the queue at once; what goes beyond stays for a later run."),
    Option("nodes", TEXT, None, "slurm", "Nodes of an array task, whose job starts its own steps by srun."),
    Option("ntasks", COUNT, None, "slurm", "Slurm tasks (processes of srun) of an array task."),
    Option("gpus", TEXT, None, "slurm", "GPUs of an array task: a number, or type:number."),
    Option("gres", TEXT, None, "slurm", "Generic resources of an array task: name:number."),
    Option("mem-per-cpu", TEXT, None, "slurm", "Memory for each CPU, instead of mem."),
    Option("mem-per-gpu", TEXT, None, "slurm", "Memory for each GPU, instead of mem."),
    Option("constraint", TEXT, None, "slurm", "Features that a node has to have."),
    Option("exclude", TEXT, None, "slurm", "Nodes not to run on."),
    Option("nodelist", TEXT, None, "slurm", "Nodes to run on."),
    Option("reservation", TEXT, None, "slurm", "Reservation to run in."),
    Option("licenses", TEXT, None, "slurm", "Licenses that an array task needs: name:number."),
    Option("nice", TEXT, None, "slurm", "How much the priority is lowered."),
    Option("mail-user", TEXT, None, "slurm", "Whom Slurm sends mail to."),
    Option("mail-type", TEXT, None, "slurm", "What Slurm sends mail about: END,FAIL,..."),
    Option("options", TEXT, None, "slurm", "Any other options of sbatch, as on its command line."),
    Option("prologue", LINES, None, "slurm", "Lines of the batch script before jobs start: module load ..."),
    Option("requeue", BOOLEAN, False, "slurm", "Have a preempted task, or one that was warned of its end, run again by Slurm."),
    Option("signal", SECONDS, 0.0, "slurm", "Seconds before its time is up at which an array task gets SIGUSR2, and calls checkpoint(i); 0: not at all."),
    Option("retries", RETRIES, 0, "slurm", "How often jor run --wait submits failed jobs again."),
    Option("retry-scale", FACTOR, 1.0, "slurm", "Factor of the memory or time of a job that ran out of it, when it is submitted again."),
    Option("max-mem", TEXT, None, "slurm", "Memory that retry-scale does not go beyond."),
    Option("max-time", TEXT, None, "slurm", "Time that retry-scale, and the time of a task of many jobs, do not go beyond."),
    Option("poll-interval", SECONDS, 10.0, "slurm", "Seconds for which all jor commands of a user share an answer of squeue; no less than JOR_POLL_INTERVAL, where that is set.", in_todo=False),
    Option("container-program", TEXT, None, "container", "apptainer or singularity, or a path; not set: whichever is found."),
    Option("bind", TEXT, None, "container", "What else a container sees, with blanks between: SOURCE[:DESTINATION[:ro]] ..."),
    Option("env", TEXT, None, "container", "What else of the environment a container gets, with blanks between: NAME PREFIX_* NAME=VALUE ..."),
    Option("nv", BOOLEAN, None, "container", "NVIDIA's GPUs in containers; not set: if gpus or gres asks for one."),
    Option("rocm", BOOLEAN, False, "container", "AMD's GPUs in containers."),
    Option("container-options", TEXT, None, "container", "Any other options of apptainer exec, as on its command line; paths in full."),
    Option("runtime", _choice("bundled", "installed"), "bundled", "container", "The jor-core of jobs in a container or environment: one that travels with the submission, or its own."),
    Option("missing-output", _choice("ignore", "raise"), "ignore", "collect", "What collect does when outputs are missing: go on with a warning, or stop."),
    Option("collect", AUTO, False, "collect", "Have Slurm run jor collect when the submitted jobs have ended."),
)  # fmt: skip

BY_NAME: Final = {option.name: option for option in OPTIONS}
SECTIONS: Final = tuple(dict.fromkeys(option.section for option in OPTIONS))
