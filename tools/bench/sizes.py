"""How much is measured, and how often."""

from __future__ import annotations

import os
from typing import NamedTuple


class Sizes(NamedTuple):
    """Numbers of jobs, of outputs, and of rounds; in a round each contestant runs once."""

    jobs: int
    #: Slow peers get fewer jobs; what is compared are rates.
    jobs_parallel: int
    jobs_old: int
    #: Outputs in one folder.
    outputs: int
    rounds: int
    jobs_slurm: int
    #: For what takes ten seconds and more.
    rounds_slow: int
    #: For what takes a tenth of a second.
    rounds_quick: int


FULL = Sizes(
    jobs=4000, jobs_parallel=400, jobs_old=200, outputs=1_000_000, jobs_slurm=10_000,
    rounds=5, rounds_slow=3, rounds_quick=20,
)  # fmt: skip
QUICK = Sizes(
    jobs=100, jobs_parallel=20, jobs_old=10, outputs=5000, jobs_slurm=100, rounds=2, rounds_slow=1, rounds_quick=2
)


def workers() -> int:
    """Return how many jobs run at once: one for each CPU that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
