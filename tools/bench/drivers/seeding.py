"""Seed the global generators for a job, NumPy loaded: print microseconds of CPU, in one process and in a fork."""

import gc
import os
import random  # noqa: F401 # it is one of those that are seeded
import statistics
import struct
import time

import numpy.random  # noqa: F401

import jor
from jor.runtime import seeds

#: How often.
ROUNDS = 500


class Jobs(jor.JobsBase):
    """Jobs with parameters as they usually are."""

    def _mk_jobs(self):
        self._jobs = jor.grid(replicate=range(100), method=["mean", "min"], scale=[0.1, 1, 10])


def seeded(jobs: Jobs, index: int) -> float:
    """Return the microseconds that it takes to seed for a job."""
    began = time.thread_time()
    seeds.begin(jobs, index, jobs._jobs[index])
    return (time.thread_time() - began) * 1e6


def seeded_in_a_fork(jobs: Jobs, index: int) -> float:
    """Return the same for a job in a process of its own, which has to copy the pages that it changes."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, struct.pack("d", seeded(jobs, index)))
        os._exit(0)
    os.waitpid(pid, 0)
    (taken,) = struct.unpack("d", os.read(reading, 8))
    os.close(reading)
    os.close(writing)
    return float(taken)


def main() -> None:
    """Print both, the mins."""
    jobs = Jobs()
    seeded(jobs, 0)
    gc.freeze()
    here = statistics.median(seeded(jobs, index % len(jobs)) for index in range(ROUNDS))
    forked = statistics.median(seeded_in_a_fork(jobs, index % len(jobs)) for index in range(ROUNDS))
    print(here, forked)


main()
