"""Row command: how long a person waits for `jor --help` and for `jor status` on a small todo-list."""

from __future__ import annotations

import sys
from pathlib import Path

from peers import Peers
from results import Measured
from sizes import Sizes
from timing import interleaved, run

_STATES = ("fresh", "done", "missing")


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    projects = {state: _make_project(folder / state, state, peers) for state in _STATES}

    def took(argv: list[str], project: Path = folder) -> float:
        return run(argv, project).seconds * 1000

    contestants = {
        "click": lambda: took([sys.executable, "-c", "import click"]),
        "libraries": lambda: took([sys.executable, "-c", "import click, attrs, yaml"]),
        "help": lambda: took([str(peers.jor), "--help"]),
        "fresh": lambda: took([str(peers.jor), "status"], projects["fresh"]),
        "done": lambda: took([str(peers.jor), "status"], projects["done"]),
        "missing": lambda: took([str(peers.jor), "status"], projects["missing"]),
    }
    found = interleaved(contestants, sizes.rounds_quick)
    lines = [Measured("help", found["help"], found["click"]), Measured("help-absolute", found["help"])]
    lines += [Measured(f"status-{state}", found[state], found["click"]) for state in _STATES]
    lines.append(Measured("status-libraries", found["done"], found["libraries"]))
    slowest = [max(rounds) for rounds in zip(*(found[state] for state in _STATES), strict=True)]
    return [*lines, Measured("status-absolute", slowest)]


def _make_project(project: Path, state: str, peers: Peers) -> Path:
    """Copy the basic example into a folder and bring it into a state."""
    peers.copy_example(project)
    if state != "fresh":
        run([peers.jor, "run"], project)
    if state == "missing":
        (project / "output/example3/ind1.txt").unlink()
    return project
