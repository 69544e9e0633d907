"""Row metadata: what a job does to the file system, as the difference between twice as many jobs and as many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contestants import Contestants, Ran
from goals import GOALS, OPERATIONS
from peers import Peers
from results import Measured
from sizes import Load, Sizes
from tracing import count_operations, tracer

#: Why a job cannot do without it.
REASONS = {
    "opened": "its output is created",
    "renamed": "what it has written becomes its output at once",
    "listed": "what else it has written is to be put into place before its output",
    "written": "its output; and, in the journal, how it ended and which job begins next",
}


#: What is asked of the server that keeps a file system's names.
METADATA = ("opened", "made", "renamed", "stat", "listed", "deleted")


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    against = [key.removeprefix("metadata-") for key in GOALS if key.startswith("metadata-")]
    if peers.strace is None:
        keys = [*(f"job-{name}" for name in OPERATIONS), *(f"metadata-{name}" for name in against)]
        return [Measured(key, note="not measured: strace is not there") for key in keys]
    log = folder / "trace.log"
    contestants = Contestants(folder, peers, tracer(peers.strace, log)).there()
    jor = _a_job(contestants["jor"], log, sizes.traced)
    lines = [Measured(f"job-{name}", [jor[name]], note=REASONS.get(name, "")) for name in OPERATIONS]
    for name in against:
        if name not in contestants:
            lines.append(Measured(f"metadata-{name}", note="the peer is not there"))
            continue
        theirs = _a_job(contestants[name], log, sizes.traced if name == "bare" else sizes.traced_slow)
        lines.append(Measured(f"metadata-{name}", [_metadata(jor)], [_metadata(theirs)]))
    return lines


def _a_job(runs: Callable[[Load], Ran], log: Path, jobs: int) -> dict[str, float]:
    """Return how often a job does each of the operations."""
    runs(Load("empty", jobs, jobs, jobs))  # whatever is done only once is done now: compiling modules
    found = []
    for number in (jobs, 2 * jobs):
        runs(Load("empty", number, number, number))
        found.append(count_operations(log))
    once, twice = found
    return {operation: (twice[operation] - once[operation]) / jobs for operation in OPERATIONS}


def _metadata(a_job: dict[str, float]) -> float:
    return sum(a_job[name] for name in METADATA)
