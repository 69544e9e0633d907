"""Folders with very many outputs, one byte each, and projects to which they belong.

The last output is made by a real run, so that the entry has records as it would have. Everything is in the page cache
then, for all contestants.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from peers import HERE, Peers
from timing import run

#: How the jobs of a project may be listed: jobs/many_KIND.py.
KINDS = ("list", "grid")
_PER_AXIS = 1000


def make_outputs(folder: Path, outputs: int) -> Path:
    """Make `folder` with so many outputs, a multiple of 1000; return it."""
    assert outputs >= _PER_AXIS, f"at least {_PER_AXIS} outputs"
    folder.mkdir(parents=True)
    for a in range(outputs // _PER_AXIS):
        for b in range(_PER_AXIS):
            with open(f"{folder}/{a}_{b}.txt", "wb", buffering=0) as file:
                file.write(b"x")
    return folder


def make_project(folder: Path, kind: str, outputs: int) -> Path:
    """Make the folder `kind` with a todo-list of one entry, whose outputs are in `many` beside it; return it."""
    project = folder / kind
    project.mkdir(parents=True)
    shutil.copy(HERE / f"jobs/many_{kind}.py", project)
    (project / "todo.yaml").write_text(f"jobs:\n- jobmodule: ./many_{kind}.py\n  jobargs: n={outputs}\n")
    return project


def run_last(project: Path, outputs: int, peers: Peers) -> None:
    """Have the project's last output made by jor."""
    (project / f"../many/{outputs // _PER_AXIS - 1}_{_PER_AXIS - 1}.txt").unlink()
    run(jor(peers, "run"), project)


def jor(peers: Peers, *command: str) -> list[str]:
    """Return the words of a command of jor, for a project made here."""
    return [str(peers.jor), *command, "--path-prefix", ".."]
