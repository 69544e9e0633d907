"""Row runs: what a list that has grown by a job a thousand times costs, compared with ten times."""

from __future__ import annotations

import sys
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes
from timing import interleaved, run

#: How often jor has run, and what that is compared with.
MANY, FEW = 1000, 10


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    for runs in (MANY, FEW):
        project = folder / str(runs)
        project.mkdir()
        run([sys.executable, HERE / "drivers/growing_list.py", str(runs)], project)

    def took(runs: int) -> tuple[float, ...]:
        project = folder / str(runs)
        with open(project / "count", "ab") as count:
            count.write(b"x")
        missing, one, done = (run([peers.jor, *words], project).cpu for words in (["status"], ["run"], ["status"]))
        return missing, one, done

    found = interleaved({"many": lambda: took(MANY), "few": lambda: took(FEW)}, sizes.rounds_quick)
    missing, one, done = (
        ([each[place] for each in found["many"]], [each[place] for each in found["few"]]) for place in range(3)
    )
    inodes = len(list((folder / str(MANY)).glob("outputs/.jor/**/*"))) + 1
    return [
        Measured("runs-inodes", [inodes], note=f"{MANY:,} runs, each of one job"),
        Measured("runs-missing", *missing),
        Measured("runs-run", *one),
        Measured("runs-status", *done),
    ]
