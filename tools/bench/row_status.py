"""Row status: `jor status` and a `jor run` with nothing to do, on a folder with very many outputs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from many import KINDS, jor, make_outputs, make_project, run_last
from peers import Peers
from results import Measured
from sizes import Sizes
from timing import Spent, interleaved, run


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    outputs = make_outputs(folder / "many", sizes.outputs)
    lines = []
    for kind in KINDS:
        project = make_project(folder, kind, sizes.outputs)
        run_last(project, sizes.outputs, peers)
        found = interleaved(_contestants(project, kind, outputs, sizes, peers), sizes.rounds)
        lines += _lines(kind, found, f"{sizes.outputs} outputs")
    return [*lines, _against_old(folder / "list", sizes, peers)]


def _contestants(project: Path, kind: str, outputs: Path, sizes: Sizes, peers: Peers) -> dict[str, partial[Spent]]:
    return {
        "bare": partial(run, peers.bare_listing(outputs, sizes.outputs, kind), project),
        "status": partial(run, jor(peers, "status"), project),
        "run": partial(run, jor(peers, "run"), project),
    }


def _lines(kind: str, found: dict[str, list[Spent]], note: str) -> list[Measured]:
    bare = [spent.seconds for spent in found["bare"]]
    lines = [
        Measured(f"{command}-{kind}", [spent.seconds for spent in found[command]], bare, note)
        for command in ("status", "run")
    ]
    memory = [max(spents) / 1e6 for spents in zip(*([s.max_rss for s in found[c]] for c in ("status", "run")))]  # noqa: B905
    least = min(spent.max_rss for spent in found["bare"]) / 1e6
    return [*lines, Measured(f"memory-{kind}", memory, note=f"the bare listing takes {least:.0f} MB")]


def _against_old(project: Path, sizes: Sizes, peers: Peers) -> Measured:
    if peers.old is None:
        return Measured("status-old", note="the peer is not there")
    contestants = {
        "jor": partial(run, jor(peers, "status"), project),
        "old": partial(run, [peers.old, "--path-prefix", "..", "status"], project),
    }
    found = interleaved(contestants, sizes.rounds_slow)
    memory = max(spent.max_rss for spent in found["old"]) / 1e6
    seconds = {name: [spent.seconds for spent in spents] for name, spents in found.items()}
    return Measured("status-old", seconds["jor"], seconds["old"], f"the peer takes {memory:.0f} MB")
