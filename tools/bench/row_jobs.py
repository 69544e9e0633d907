"""Row jobs: how many tiny local jobs run in a second, a process each, and what CPU time each takes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

from peers import HERE, Peers
from results import Measured
from sizes import Sizes, workers
from timing import interleaved, run

_WRITE_ONE = "import sys; open(f'{sys.argv[1]}/{sys.argv[2]}.txt', 'w').write(f'{sys.argv[2]}\\n')"


class Pace(NamedTuple):
    """How fast jobs ran: jobs a second of the whole command and without its start, CPU milliseconds a job."""

    whole: float
    steady: float
    cpu: float


class _Track:
    """Runs jobs, each time into a fresh folder."""

    def __init__(self, sizes: Sizes, folder: Path, peers: Peers) -> None:
        self._sizes = sizes
        self._folder = folder
        self._peers = peers
        self._workers = workers()
        self._numbers = count()
        shutil.copy(HERE / "jobs/tiny.py", folder)

    def jor(self) -> Pace:
        jobs, fresh = self._sizes.jobs, self._fresh()
        argv = [self._peers.jor, "submit", "tiny.py", "--quiet", "--jobargs", f"n={jobs}", "--path-prefix", fresh]
        spent = run([*argv, "--workers", str(self._workers)], self._folder)
        _require(fresh / "tiny", jobs)
        return Pace(jobs / spent.seconds, steady_rate(fresh / "tiny"), spent.cpu / jobs * 1000)

    def bare(self) -> Pace:
        jobs, fresh = self._sizes.jobs, self._fresh()
        spent = run(self._peers.bare_loop(fresh, jobs, self._workers), self._folder)
        _require(fresh, jobs)
        return Pace(jobs / spent.seconds, jobs / float(spent.stdout), spent.cpu / jobs * 1000)

    def parallel(self) -> Pace:
        jobs, fresh = self._sizes.jobs_parallel, self._fresh()
        fresh.mkdir()
        command = [sys.executable, "-c", _WRITE_ONE, fresh, "{}"]
        argv = [self._peers.parallel or "", "--will-cite", "--quote", f"-j{self._workers}", *command]
        spent = run(argv, self._folder, "".join(f"{index}\n" for index in range(jobs)))
        _require(fresh, jobs)
        return Pace(jobs / spent.seconds, 0, spent.cpu / jobs * 1000)

    def old(self) -> Pace:
        jobs, fresh = self._sizes.jobs_old, self._fresh()
        assert self._peers.old is not None
        argv = [self._peers.old, "--path-prefix", fresh, "submit", "tiny.py", "--jobargs", f"n={jobs}"]
        spent = run(argv, self._folder)
        _require(fresh / "tiny", jobs)
        return Pace(jobs / spent.seconds, 0, spent.cpu / jobs * 1000)

    def _fresh(self) -> Path:
        return self._folder / f"run-{next(self._numbers)}"


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    track = _Track(sizes, folder, peers)
    found = interleaved({"jor": track.jor, "bare": track.bare}, sizes.rounds)
    jor, bare = found["jor"], found["bare"]
    lines = []
    for key, take in {"jobs-whole": "whole", "jobs-steady": "steady", "jobs-cpu": "cpu"}.items():
        note = f"{sizes.jobs} jobs, {workers()} workers" if key == "jobs-whole" else ""
        lines.append(Measured(key, [getattr(p, take) for p in jor], [getattr(p, take) for p in bare], note))
    slow = f"{sizes.jobs_old} jobs of the peer, {sizes.jobs} of jor"
    lines.append(_against("jobs-old", track, peers.old and track.old, sizes.rounds_slow, slow))
    slow = f"{sizes.jobs_parallel} jobs of the peer, {sizes.jobs} of jor"
    lines.append(_against("jobs-parallel", track, peers.parallel and track.parallel, sizes.rounds, slow))
    return lines


def steady_rate(outputs: Path) -> float:
    """Return the jobs a second from the first to the last end, as the journals beside `outputs` tell."""
    ends = []
    for journal in outputs.glob(".jor/*/runs/*/task-*.jsonl"):
        started = {}
        for record in map(json.loads, journal.read_text().splitlines()):
            if record["kind"] == "begin":
                started[record["index"]] = record["started"]
            elif record["kind"] == "end":
                ends.append(started[record["index"]] + record["seconds"])
    return (len(ends) - 1) / (max(ends) - min(ends))


def _against(key: str, track: _Track, peer: Callable[[], Pace] | None, rounds: int, note: str) -> Measured:
    if not peer:
        return Measured(key, note="the peer is not there")
    found = interleaved({"jor": track.jor, "peer": peer}, rounds)
    return Measured(key, [pace.whole for pace in found["jor"]], [pace.whole for pace in found["peer"]], note)


def _require(folder: Path, jobs: int) -> None:
    found = sum(1 for _ in folder.glob("*.txt"))
    assert found == jobs, f"{folder} holds {found} outputs, not {jobs}"
