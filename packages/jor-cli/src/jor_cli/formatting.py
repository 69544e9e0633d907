"""Phrases that several answers share."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jor.errors import printable_name
from jor.planning.planner import Survey
from jor.planning.status import Status
from jor.runs.submission import ranges
from jor.settings.config import Config

#: Ranges of jobs that are named in one sentence.
MOST_RANGES = 10


def counted(count: int, what: str) -> str:
    """Return '1 CPU' or '2 CPUs'."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def jobs_of(count: int) -> str:
    """Return '1 job' or '2 jobs'."""
    return counted(count, "job")


def tasks_of(count: int) -> str:
    """Return '1 task' or '2 tasks'."""
    return counted(count, "task")


def told_states(counts: Mapping[Status, int]) -> str:
    """Return how many jobs are in which state, those states aside that none is in: '3 done, 1 failed'."""
    return ", ".join(f"{count:,} {status.value}" for status, count in counts.items() if count)


def told_indices(indices: Sequence[int], most: int | None = None) -> str:
    """Return ascending indices as ranges, '0-3, 7'; of more than `most` ranges, the number of the other indices."""
    found = ranges(indices)
    told = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found[:most])
    left = 0 if most is None else sum(last - first + 1 for first, last in found[most:])
    return told + (f" and {left:,} more" if left else "")


def told_old(found: Survey) -> str:
    """Return of how many jobs, and of which, an old output stands that is to be made again."""
    return f"{jobs_of(len(found.status.old))} the old output stands: {told_indices(found.status.old, MOST_RANGES)}"


def told_seconds(seconds: float) -> str:
    """Return a duration in the units that matter: 0.25 s, 3 h 20 min."""
    for unit, name, smaller, smaller_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if round(seconds) >= unit:
            whole, rest = divmod(round(seconds), unit)
            return f"{whole} {name}" + (f" {rest // smaller} {smaller_name}" if rest // smaller else "")
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def told_memory(amount: int) -> str:
    """Return so many bytes in the largest unit of Slurm's that is filled: 312M, 1.4G."""
    units = (("T", 2**40), ("G", 2**30), ("M", 2**20), ("K", 2**10))
    unit, size = next((one for one in units if amount >= one[1]), units[-1])
    return f"{amount / size:.0f}{unit}" if amount >= 10 * size else f"{amount / size:.1f}".removesuffix(".0") + unit


def told_time(seconds: float) -> str:
    """Return a moment, seconds since 1970, as a clock on the wall here tells it, with the date."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def told_path(path: str) -> str:
    """Return the shorter way to a file: from here if it lies below, else from the root."""
    relative = os.path.relpath(path)
    return printable_name(path if relative.startswith("..") else relative)


def told_parameters(parameters: Mapping[str, Any]) -> str:
    """Return the parameters of a job on one line."""
    return " ".join(f"{printable_name(str(name))}={value!r}" for name, value in parameters.items())


def told_resources(config: Config) -> str:
    """Return what one job is given, as far as that is set: '1 CPU and 5G'."""
    cpus = counted(config["cpus-per-task"], "CPU")
    return f"{cpus} and {config['mem']}" if config["mem"] else cpus


def told_job(found: Survey, index: int) -> str:
    """Return 'job 3 (seed=3)'. Raise JobModuleError when there is no such job."""
    return f"job {index} ({told_parameters(found.parameters(index))})"


def told_logs(logs: Iterable[str]) -> list[str]:
    """Return a line for each different log, '' for none, that says where it is."""
    return [f"What they printed: {printable_name(os.path.relpath(log))}" for log in dict.fromkeys(logs) if log]
