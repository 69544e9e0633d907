"""Row isolation: what it costs that jobs spawn where their module starts threads, against forking it all the same."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes, workers
from timing import interleaved, run

#: Jobs of the contestant that forks for one that spawns.
_TIMES = 10


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    jobs = sizes.loads[-1].jobs_slow
    found = interleaved(
        {
            "auto": partial(_pace, folder / "auto", jobs, peers, []),
            "fork": partial(_pace, folder / "fork", jobs * _TIMES, peers, ["--isolation", "fork"]),
        },
        sizes.rounds,
    )
    note = f"{jobs} jobs, forked {jobs * _TIMES}, {workers()} workers"
    return [Measured("isolation", found["auto"], found["fork"], note)]


def _pace(folder: Path, jobs: int, peers: Peers, words: list[str]) -> float:
    """Return how many jobs a second there are in a run of so many, in a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for module in ("numeric.py", "pooled.py"):
        shutil.copy(HERE / "jobs" / module, folder)
    command = [peers.jor, "submit", "pooled.py", "--jobargs", f"n={jobs}", "--workers", str(workers()), *words]
    return jobs / run(command, folder).seconds
