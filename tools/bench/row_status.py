"""Row status: `jor status` and a `jor run` with nothing to do, on a folder with very many outputs.

The bench makes the outputs itself, one byte each, and has the last one made by a real run, so that the entry has
records as it would have. Everything is in the page cache then, for all contestants.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes
from timing import Spent, interleaved, run

_KINDS = ("list", "grid")
_PER_AXIS = 1000


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    outputs = _make_outputs(folder / "many", sizes.outputs)
    lines = []
    for kind in _KINDS:
        project = _make_project(folder, kind, sizes.outputs, peers)
        found = interleaved(_contestants(project, kind, outputs, sizes, peers), sizes.rounds)
        lines += _lines(kind, found, f"{sizes.outputs} outputs")
    return [*lines, _against_old(folder / "list", sizes, peers)]


def _make_outputs(folder: Path, outputs: int) -> Path:
    assert outputs >= _PER_AXIS, f"--scale: at least {_PER_AXIS}"
    folder.mkdir()
    for a in range(outputs // _PER_AXIS):
        for b in range(_PER_AXIS):
            with open(f"{folder}/{a}_{b}.txt", "wb", buffering=0) as file:
                file.write(b"x")
    return folder


def _make_project(folder: Path, kind: str, outputs: int, peers: Peers) -> Path:
    """Make a folder with a todo-list of one entry, and have its last output made by jor."""
    project = folder / kind
    project.mkdir()
    shutil.copy(HERE / f"jobs/many_{kind}.py", project)
    (project / "todo.yaml").write_text(f"jobs:\n- jobmodule: ./many_{kind}.py\n  jobargs: n={outputs}\n")
    (folder / f"many/{outputs // _PER_AXIS - 1}_{_PER_AXIS - 1}.txt").unlink()
    run(_jor(peers, "run"), project)
    return project


def _contestants(project: Path, kind: str, outputs: Path, sizes: Sizes, peers: Peers) -> dict[str, partial[Spent]]:
    return {
        "bare": partial(run, peers.bare_listing(outputs, sizes.outputs, kind), project),
        "status": partial(run, _jor(peers, "status"), project),
        "run": partial(run, _jor(peers, "run"), project),
    }


def _jor(peers: Peers, command: str) -> list[str]:
    return [str(peers.jor), command, "--path-prefix", ".."]


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
        "jor": partial(run, _jor(peers, "status"), project),
        "old": partial(run, [peers.old, "--path-prefix", "..", "status"], project),
    }
    found = interleaved(contestants, sizes.rounds_slow)
    memory = max(spent.max_rss for spent in found["old"]) / 1e6
    seconds = {name: [spent.seconds for spent in spents] for name, spents in found.items()}
    return Measured("status-old", seconds["jor"], seconds["old"], f"the peer takes {memory:.0f} MB")
