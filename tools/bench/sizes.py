"""How much is measured, and how often."""

from __future__ import annotations

import os
from typing import NamedTuple


class Load(NamedTuple):
    """Jobs of one kind; slow contestants get fewer of them, since it is rates that are compared."""

    #: One of those in drivers/one_job.py.
    kind: str
    #: For those that fork, or keep their processes.
    jobs: int
    #: For those that start a Python for each job.
    jobs_slow: int
    #: For those that do more than that for each.
    jobs_slowest: int


class Sizes(NamedTuple):
    """Numbers of jobs, of outputs, and of rounds; in a round each contestant runs once."""

    #: Local jobs, a load of each kind.
    loads: tuple[Load, ...]
    #: Outputs in one folder.
    outputs: int
    #: Numbers of jobs whose cost is compared for its growth: of most commands and of runs in one process, of runs with
    #: a process each, and of lazy planning.
    scale: tuple[int, ...]
    scale_run: tuple[int, ...]
    scale_planning: tuple[int, ...]
    rounds: int
    jobs_slurm: int
    #: Array tasks of one job each, jobs of slow peers: they stand for as many as there are jobs.
    jobs_slurm_slow: int
    jobs_slurm_slowest: int
    #: Jobs whose system calls are traced, and those of peers: each once, and twice as many.
    traced: int
    traced_slow: int
    #: For what takes ten seconds and more.
    rounds_slow: int
    #: For what takes a tenth of a second.
    rounds_quick: int


FULL = Sizes(
    loads=(Load("empty", 4000, 400, 40), Load("10ms", 1000, 200, 40), Load("1s", 10, 10, 10),
           Load("numeric", 1000, 40, 10)),
    outputs=1_000_000, scale=(1000, 10_000, 100_000, 1_000_000), scale_run=(1000, 10_000, 100_000),
    scale_planning=(10_000, 100_000, 1_000_000, 10_000_000), rounds=3, jobs_slurm=10_000, jobs_slurm_slow=300,
    jobs_slurm_slowest=40, traced=200, traced_slow=10, rounds_slow=3, rounds_quick=20,
)  # fmt: skip
QUICK = Sizes(
    loads=(Load("empty", 100, 20, 4), Load("10ms", 100, 20, 4), Load("1s", 2, 2, 2), Load("numeric", 100, 10, 4)),
    outputs=5000, scale=(1000, 10_000), scale_run=(100, 1000), scale_planning=(1000, 10_000), rounds=2, jobs_slurm=100,
    jobs_slurm_slow=10, jobs_slurm_slowest=4, traced=20, traced_slow=2, rounds_slow=1, rounds_quick=2,
)  # fmt: skip


def workers() -> int:
    """Return how many jobs run at once: one for each CPU that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
