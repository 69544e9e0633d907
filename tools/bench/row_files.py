"""Row files: how many files jor leaves beside the outputs."""

from __future__ import annotations

import shutil
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes, workers
from timing import run


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the line of this row."""
    shutil.copy(HERE / "jobs/tiny.py", folder)
    jobs = min(sizes.loads[0].jobs, 500)
    run([peers.jor, "submit", "tiny.py", "--jobargs", f"n={jobs}", "--workers", str(workers())], folder)
    beside = list((folder / "outputs").glob(".jor/**/*"))
    files = [path for path in beside if not path.is_dir()]
    note = f"{len(files)} files, {len(beside) + 1 - len(files)} folders; {workers()} workers, {jobs} jobs, 1 submission"
    return [Measured("files", [len(files) - 2 * workers()], note=note)]
