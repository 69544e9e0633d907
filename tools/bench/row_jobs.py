"""Row jobs: how many local jobs of each kind run in a second, held against everyone, and what CPU time each takes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from contestants import Contestants, Ran
from goals import JOBS
from peers import Peers
from results import Measured
from sizes import Load, Sizes, workers
from timing import interleaved

from jor.runtime.events import Begin, End
from jor.runtime.journal import Reader


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    lines = []
    for load in sizes.loads:
        (folder / load.kind).mkdir()
        contestants = Contestants(folder / load.kind, peers).there()
        if load.kind == "empty":
            two = {name: partial(contestants[name], load) for name in ("jor", "bare")}
            lines += _without_start(interleaved(two, sizes.rounds))
        found = interleaved({name: partial(runs, load) for name, runs in contestants.items()}, sizes.rounds_slow)
        lines += [_line(load, peer, found) for peer in JOBS]
    return lines


def _line(load: Load, peer: str, found: dict[str, list[Ran]]) -> Measured:
    key = f"jobs-{load.kind}-{peer}"
    if peer not in found:
        return Measured(key, note="the peer is not there")
    note = f"{load.jobs} jobs of jor, {found[peer][0].jobs} of the peer, {workers()} at once"
    return Measured(key, [ran.pace for ran in found["jor"]], [ran.pace for ran in found[peer]], note)


def _without_start(found: dict[str, list[Ran]]) -> list[Measured]:
    """Return what jobs cost when the command's start is left out."""
    jor, bare = found["jor"], found["bare"]
    steady = [ran.jobs / float(ran.spent.stdout) for ran in bare]
    cpu = [[ran.spent.cpu / ran.jobs * 1000 for ran in runs] for runs in (jor, bare)]
    return [Measured("jobs-steady", [_steady_pace(ran.outputs) for ran in jor], steady), Measured("jobs-cpu", *cpu)]


def _steady_pace(outputs: Path) -> float:
    """Return the jobs a second from the first to the last end, as the journals beside `outputs` tell."""
    ends = []
    for journal in outputs.glob(".jor/*/runs/*/task-*.jsonl"):
        started = {}
        for event in Reader(str(journal)).events():
            if isinstance(event, Begin):
                started[event.index] = event.started
            elif isinstance(event, End):
                ends.append(started[event.index] + event.seconds)
    return (len(ends) - 1) / (max(ends) - min(ends))
