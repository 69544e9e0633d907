"""Row fsync: what it costs to have outputs and records on the disk before a job counts as done."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes, workers
from timing import interleaved, run

#: Calls of fsync for which the disk's own time is measured.
CALLS = 50


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    jobs = min(sizes.loads[0].jobs, 1000)
    contestants = {
        name: partial(_seconds, folder / name, jobs, peers, words)
        for name, words in (("forced", ["--fsync"]), ("lazy", []))
    }
    found = interleaved({**contestants, "disk": partial(_seconds_of_fsync, folder / "disk")}, sizes.rounds)
    forced, lazy = ([jobs / seconds for seconds in found[name]] for name in ("forced", "lazy"))
    more = [(a - b) / jobs * 1e3 for a, b in zip(found["forced"], found["lazy"], strict=True)]
    note = f"{jobs} jobs, {workers()} workers"
    return [
        Measured("fsync", forced, lazy, note),
        Measured("fsync-job", more, [seconds * 1e3 for seconds in found["disk"]], note),
    ]


def _seconds(folder: Path, jobs: int, peers: Peers, words: list[str]) -> float:
    """Return what a run of so many jobs takes, in a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(HERE / "jobs/tiny.py", folder)
    command = [peers.jor, "submit", "tiny.py", "--jobargs", f"n={jobs}", "--workers", str(workers()), *words]
    return run(command, folder).seconds


def _seconds_of_fsync(path: Path) -> float:
    """Return what writing a few bytes to the disk takes, the mean of many."""
    began = time.monotonic()
    with path.open("wb", buffering=0) as file:
        for _ in range(CALLS):
            file.write(b"a few bytes\n")
            os.fsync(file.fileno())
    return (time.monotonic() - began) / CALLS
