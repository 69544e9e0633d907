"""THE table: every line that the bench measures, with what it is held against and what is to be reached."""

from __future__ import annotations

from typing import NamedTuple

BARE = "bare fork-write-wait loop"
PARALLEL = "GNU parallel starting Python"
OLD = "jor 0.1.2"
LISTING = "scandir into a set + names"
PASS = "python -c pass"  # not a password
ALONE = "one array task a job"
CLICK = 'python -c "import click"'

#: How a line's figure is made: from one round's figure of jor and of the peer.
COMPARISONS = {
    "jor / peer": lambda jor, peer: jor / peer,
    "peer / jor": lambda jor, peer: peer / jor,
    "jor": lambda jor, _peer: jor,
}


class Goal(NamedTuple):
    """One line of the table; `least` and `most` bound its figure, None where nothing is to be reached."""

    what: str
    unit: str
    peer: str = ""
    comparison: str = "jor / peer"
    least: float | None = None
    most: float | None = None


GOALS = {
    "jobs-whole": Goal("local jobs, whole command", "jobs/s", BARE, least=0.8),
    "jobs-steady": Goal("local jobs, first to last end", "jobs/s", BARE, least=0.8),
    "jobs-old": Goal("local jobs, whole command", "jobs/s", OLD, least=50),
    "jobs-parallel": Goal("local jobs, whole command", "jobs/s", PARALLEL, least=10),
    "jobs-cpu": Goal("CPU time a job, all processes", "ms", BARE),
    "status-list": Goal("jor status, list of dictionaries", "s", LISTING, most=2),
    "status-grid": Goal("jor status, jor.grid", "s", LISTING, most=2),
    "run-list": Goal("no-op jor run, list of dictionaries", "s", LISTING, most=2),
    "run-grid": Goal("no-op jor run, jor.grid", "s", LISTING, most=2),
    "memory-list": Goal("peak memory of status and run, list", "MB", comparison="jor", most=400),
    "memory-grid": Goal("peak memory of status and run, grid", "MB", comparison="jor", most=400),
    "status-old": Goal("jor status, list of dictionaries", "s", OLD, "peer / jor", least=5),
    "start-help": Goal("python -m jor exec --help", "ms", PASS, most=2.5),
    "start-module": Goal("python -m jor exec, to the job module", "ms", PASS, most=2.5),
    "help": Goal("jor --help", "ms", CLICK, most=2),
    "help-absolute": Goal("jor --help", "ms", comparison="jor", most=250),
    "status-fresh": Goal("jor status, small todo, nothing run", "ms", CLICK, most=2),
    "status-done": Goal("jor status, small todo, all done", "ms", CLICK, most=2),
    "status-missing": Goal("jor status, small todo, one missing", "ms", CLICK, most=2),
    "status-absolute": Goal("jor status, small todo, slowest of these", "ms", comparison="jor", most=250),
    "slurm-sooner": Goal("Slurm, short jobs, packed", "s", ALONE, "peer / jor", least=20),
    "slurm-tasks": Goal("Slurm, array tasks", "tasks", ALONE, "peer / jor", least=50),
    "slurm-files": Goal("Slurm, files an array task", "files", comparison="jor", most=2),
    "slurm-poll": Goal("one squeue of 50,000 tasks, CPU time", "s", comparison="jor", most=1),
    "files": Goal("files beside outputs, less 2 a worker", "files", comparison="jor", most=6),
}
