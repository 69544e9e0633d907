"""THE table: every line that the bench measures, with what it is held against and what is to be reached."""

from __future__ import annotations

from typing import NamedTuple

BARE = "bare fork-write-wait loop"
OLD = "jor 0.1.2"
LISTING = "scandir into a set + names"
PASS = "python -c pass"  # not a password
CLICK = 'python -c "import click"'
TEN_RUNS = "the same after 10 runs"
LIBRARIES = 'python -c "import click, attrs, yaml"'

#: Those that run local jobs, by the names of their contestants.
JOBS = {
    "bare": BARE,
    "joblib": "joblib, which isolates nothing",
    "xargs": "xargs -P starting Python",
    "parallel": "GNU parallel starting Python",
    "hyperqueue": "HyperQueue starting Python",
    "submitit": "submitit, local",
    "snakemake": "snakemake, local",
    "old": OLD,
}
#: Kinds of jobs, as they are told.
KINDS = {
    "empty": "local jobs that write a few bytes",
    "10ms": "local jobs of 10 ms",
    "1s": "local jobs of 1 s",
    "numeric": "local jobs, their module imports SciPy",
}
#: Those that run jobs on Slurm.
SLURM = {
    "alone": "jor, one array task a job",
    "array": "sbatch array by hand, a job a task",
    "packed-array": "sbatch array by hand, packed",
    "submitit": "submitit, an array",
    "snakemake": "snakemake, a submission a job",
}
#: Commands whose cost is held against the number of jobs.
SCALE = {
    "status": "jor status, all done",
    "no-op": "jor run, all done",
    "check": "jor check, all done",
    "collect": "jor collect, all done",
    "dry-run": "jor run --dry-run, nothing there",
    "planning": "jor status, nothing there, jor.grid",
    "run": "jor run",
    "run-none": "jor run --isolation none",
    "unfinished": "jor status, one output gone, journals read",
    "again": "jor status, one output gone, journals read before",
    "poll": "reading squeue, and judging each task",
}
#: What is counted of a command.
COSTS = {"seconds": "time", "megabytes": "memory", "calls": "system calls"}
#: What a job does to the file system -> how often a goal lets it. The command that waits opens each worker's journal
#: ten times a second, whatever the jobs.
OPERATIONS = {"opened": 1.1, "made": 0, "renamed": 1, "stat": 0, "listed": 0, "written": 2, "synced": 0, "deleted": 0}

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


#: Costs that have no meaning, or are not measured.
_NOT_COUNTED = {("poll", "megabytes"), ("poll", "calls")}
#: design.md's goals for local jobs.
_LEAST = {"jobs-empty-bare": 0.8, "jobs-empty-parallel": 10, "jobs-empty-old": 50}

GOALS = {
    "jobs-steady": Goal("local jobs, first to last end", "jobs/s", BARE, least=0.8),
    "jobs-cpu": Goal("CPU time a job, all processes", "ms", BARE),
    **{
        f"jobs-{kind}-{name}": Goal(what, "jobs/s", peer, least=_LEAST.get(f"jobs-{kind}-{name}"))
        for kind, what in KINDS.items()
        for name, peer in JOBS.items()
    },
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
    "status-libraries": Goal("jor status, small todo, all done", "ms", LIBRARIES),
    "status-absolute": Goal("jor status, small todo, slowest of these", "ms", comparison="jor", most=250),
    "fsync": Goal("local jobs that write a few bytes, fsync", "jobs/s", "the same without"),
    "fsync-job": Goal("what fsync costs a job", "ms", "one write to the disk"),
    "seeds": Goal("seeding for a job, NumPy loaded, CPU time", "µs", comparison="jor", most=50),
    "seeds-fork": Goal("the same in a fork, which copies pages", "µs", comparison="jor"),
    "isolation": Goal("local jobs, SciPy and a pool, which spawn", "jobs/s", "the same with isolation = fork"),
    "runs-inodes": Goal("1,000 runs of a list that grows: files, folders", "inodes", comparison="jor", most=100),
    "runs-status": Goal("jor status, all done, 1,000 runs, CPU time", "s", TEN_RUNS, most=1.3),
    "runs-missing": Goal("jor status, one missing, 1,000 runs, CPU time", "s", TEN_RUNS, most=1.3),
    "runs-run": Goal("jor run of one job, 1,000 runs, CPU time", "s", TEN_RUNS, most=1.3),
    "files": Goal("files beside outputs, less 2 a worker", "files", comparison="jor", most=6),
    **{
        f"job-{name}": Goal(f"a job's part: {name}", "a job", comparison="jor", most=most)
        for name, most in OPERATIONS.items()
    },
    **{
        f"metadata-{name}": Goal("files opened, made, renamed, stat, deleted", "a job", JOBS[name], "peer / jor")
        for name in ("bare", "xargs", "hyperqueue", "submitit", "snakemake")
    },
    **{
        f"scale-{name}-{cost}": Goal(f"{what}: {told}", "exponent", comparison="jor", most=1.1)
        for name, what in SCALE.items()
        for cost, told in COSTS.items()
        if (name, cost) not in _NOT_COUNTED
    },
    "scale-run-files": Goal("jor run: files beside outputs", "exponent", comparison="jor", most=1.1),
    **{f"slurm-{name}": Goal("Slurm, short jobs, packed", "s", peer, "peer / jor") for name, peer in SLURM.items()},
    "slurm-alone": Goal("Slurm, short jobs, packed", "s", SLURM["alone"], "peer / jor", least=20),
    "slurm-tasks": Goal("Slurm, array tasks", "tasks", SLURM["alone"], "peer / jor", least=50),
    "slurm-poll": Goal("one squeue of 50,000 tasks, CPU time", "s", comparison="jor", most=1),
    "slurm-files": Goal("Slurm, files an array task", "files", comparison="jor", most=2),
    **{
        f"controller-{name}": Goal("slurmctld, messages", "a 1000 jobs", peer, "peer / jor")
        for name, peer in SLURM.items()
    },
}
