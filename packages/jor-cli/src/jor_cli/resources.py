"""From what jobs ask for, and what this process may use, to how many run at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import attrs

from jor import ConfigError
from jor.runtime.control_groups import cpu_limits, memory_limits
from jor.settings.config import Config
from jor_slurm import parse_memory, parse_time
from jor_slurm.errors import SlurmError


@attrs.frozen(order=True)
class Limit:
    """How much this process may use of something."""

    amount: int
    #: What allows no more; "" for the machine itself.
    by: str = ""


def local_workers(config: Config) -> int:
    """Return how many jobs of an entry run at once on this machine, at least one.

    As many as the option workers says; else as the CPUs this process may use allow, and no more than fit into the
    memory that it may use. Raise ConfigError when mem or time is not in Slurm's syntax.
    """
    memory = parsed(config, "mem", parse_memory)
    parsed(config, "time", parse_time)
    if config["workers"] is not None:
        return int(config["workers"])
    by_cpus = usable_cpus().amount // int(config["cpus-per-task"])
    return max(1, min(by_cpus, usable_memory().amount // memory if memory else by_cpus))


def usable_cpus() -> Limit:
    """Return how many CPUs this process may use: of the machine, by its control groups, in its Slurm allocation."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    by_groups = [Limit(max(1, int(cpus)), f"the control group {name}") for cpus, name in cpu_limits()]
    return min([Limit(mine), *by_groups, *allocated_cpus(os.environ)])


def usable_memory() -> Limit:
    """Return how much memory this process may use, bytes: of the machine, by control groups, in its allocation."""
    mine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    by_groups = [Limit(memory, f"the control group {name}") for memory, name in memory_limits()]
    return min([Limit(mine), *by_groups, *allocated_memory(os.environ)])


def allocated_cpus(environment: Mapping[str, str]) -> Iterator[Limit]:
    """Yield how many CPUs the Slurm allocation has here that this process runs in; nothing if it runs in none."""
    name = "SLURM_CPUS_ON_NODE"
    if cpus := _allocated(environment, name):
        yield Limit(cpus, name)


def allocated_memory(environment: Mapping[str, str]) -> Iterator[Limit]:
    """Yield how much memory, bytes, that allocation has here. What was not asked for is not told."""
    shares = {
        "SLURM_MEM_PER_NODE": 1,
        "SLURM_MEM_PER_CPU": _allocated(environment, "SLURM_CPUS_ON_NODE"),
        "SLURM_MEM_PER_GPU": _allocated(environment, "SLURM_GPUS_ON_NODE"),
    }
    for name, share in shares.items():
        if megabytes := _allocated(environment, name) * share:  # 0 asks for all memory of the node
            yield Limit(megabytes * 2**20, name)


def _allocated(environment: Mapping[str, str], name: str) -> int:
    # SLURMD_NODENAME stands on the nodes of an allocation alone; the shell of salloc may be elsewhere.
    value = environment.get(name, "") if environment.get("SLURMD_NODENAME") else ""
    return int(value) if value.isdecimal() else 0


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
