"""Phrases that several answers share."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any


def jobs_of(count: int) -> str:
    """Return '1 job' or '2 jobs'."""
    return f"{count:,} job{'' if count == 1 else 's'}"


def tasks_of(count: int) -> str:
    """Return '1 task' or '2 tasks'."""
    return f"{count:,} task{'' if count == 1 else 's'}"


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
    return path if relative.startswith("..") else relative


def told_parameters(parameters: Mapping[str, Any]) -> str:
    """Return the parameters of a job on one line."""
    return " ".join(f"{name}={value!r}" for name, value in parameters.items())


def told_logs(logs: Iterable[str]) -> list[str]:
    """Return a line for each different log, '' for none, that says where it is."""
    return [f"What they printed: {os.path.relpath(log)}" for log in dict.fromkeys(logs) if log]
