"""From what jobs ask for, and what the machine has, to how many run at once."""

from __future__ import annotations

import os
from collections.abc import Callable

from jor import ConfigError
from jor.settings.config import Config
from jor_slurm import parse_memory, parse_time
from jor_slurm.errors import SlurmError


def local_workers(config: Config) -> int:
    """Return how many jobs of an entry run at once on this machine, at least one.

    As many as the option workers says; else as the CPUs this process may use allow, and no more than fit into the
    machine's memory. Raise ConfigError when mem or time is not in Slurm's syntax.
    """
    memory = parsed(config, "mem", parse_memory)
    parsed(config, "time", parse_time)
    if config["workers"] is not None:
        return int(config["workers"])
    by_cpus = cpus() // int(config["cpus-per-task"])
    return max(1, min(by_cpus, machine_memory() // memory if memory else by_cpus))


def cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_memory() -> int:
    """Return the memory of this machine, bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def parsed(config: Config, name: str, parse: Callable[[str], int | None]) -> int | None:
    """Return what `parse` makes of the option `name`; None when it is not set.

    Raise ConfigError, which tells where it was set, when it is not in Slurm's syntax.
    """
    setting = config.setting(name)
    if setting.value in (None, ""):
        return None
    try:
        return parse(str(setting.value))
    except SlurmError as error:
        raise ConfigError(
            f"{name} = {setting.value!r}: {error.what}", where=setting.source, remedy=error.remedy
        ) from error
