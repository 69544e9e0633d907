"""Row slurm: many short jobs on a real Slurm of this machine, and what they ask of its controller.

All run as they come, with the settings that a user gets. Seconds are counted to the last output, so that it does not
matter how often a program looks. Those that start an array task or a submission for each job get fewer jobs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from contestants import snakemake
from goals import SLURM
from peers import DRIVERS, HERE, Peers
from results import Measured
from sizes import Sizes
from squeue import poll_seconds

sys.path.insert(0, str(HERE.parent / "testbed"))
from cluster import Cluster, TestbedError
from controller import Controller

#: The kind of the jobs: 10 ms each.
_KIND = "10ms"
#: Array tasks of jor, and of an array packed by hand.
_TASKS = 16
#: Array tasks of a poll.
_POLLED = 50_000


class Swept(NamedTuple):
    """A sweep: how many jobs, the seconds to the last output, and what was asked of Slurm."""

    jobs: int
    seconds: float
    calls: Counter[str]
    messages: Counter[str]
    folder: Path

    def scaled(self, jobs: int) -> float:
        """Return the seconds that so many jobs would take."""
        return self.seconds / self.jobs * jobs

    @property
    def messages_a_thousand(self) -> float:
        """Messages to the controller for a thousand jobs."""
        return self.messages.total() / self.jobs * 1000

    def told(self) -> str:
        """Return what it was, in words."""
        calls = ", ".join(f"{count} {name}" for name, count in self.calls.most_common()) or "none"
        return f"{self.jobs:,} jobs in {self.seconds:.1f} s, calls: {calls}"


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    poll = [poll_seconds(folder, _POLLED) for _ in range(sizes.rounds)]
    lines = [Measured("slurm-poll", poll, note=f"reading squeue of {_POLLED:,} tasks, and judging each")]
    try:
        with Cluster(folder / "slurm", accounting=True) as cluster:
            swept = _sweep_all(sizes, folder, peers, Controller(folder / "bin", {**os.environ, **cluster.environment}))
    except TestbedError as error:
        return [*lines, Measured("slurm-alone", note=f"not measured: {str(error).splitlines()[0]}")]
    jor = swept["jor"]
    for name in SLURM:
        if name not in swept:
            lines.append(Measured(f"slurm-{name}", note="the peer is not there"))
            continue
        theirs = swept[name]
        note = f"{jor.told()}; of the peer {theirs.told()}; scaled"
        lines.append(Measured(f"slurm-{name}", [jor.seconds], [theirs.scaled(jor.jobs)], note))
        common = ", ".join(f"{count} {message}" for message, count in theirs.messages.most_common(4))
        asked = Measured(f"controller-{name}", [jor.messages_a_thousand], [theirs.messages_a_thousand], common)
        lines.append(asked)
    (run,) = jor.folder.glob("outputs/.jor/*/runs/*")
    tasks, files = len(list(run.glob("task-*.r0.jsonl"))), len(list(run.glob("task-*")))
    lines.append(Measured("slurm-tasks", [tasks], [jor.jobs], f"{tasks} array tasks"))
    return [*lines, Measured("slurm-files", [files / tasks], note="journal and log; 5 more a submission")]


def _sweep_all(sizes: Sizes, folder: Path, peers: Peers, controller: Controller) -> dict[str, Swept]:
    one_job = [sys.executable, str(DRIVERS / "one_job.py"), _KIND, "outputs"]
    jobs, slow, slowest = sizes.jobs_slurm, sizes.jobs_slurm_slow, sizes.jobs_slurm_slowest
    each, packed = slow // _TASKS + 1, (slow // _TASKS + 1) * _TASKS
    sbatch = ["sbatch", "--wait", "--mem=100M", "--output=%a.log"]
    alone = f"exec {' '.join(one_job)} SLURM_ARRAY_TASK_ID"
    first = f"$((SLURM_ARRAY_TASK_ID * {each}))"
    several = f"for i in $(seq {first} $(({first[3:-2]} + {each - 1}))); do {' '.join(one_job)} $i; done"
    commands: dict[str, tuple[int, Sequence[str | Path]]] = {
        "jor": (jobs, _jor(peers, -(-jobs // _TASKS))),
        "alone": (slow, _jor(peers, 1)),
        "array": (slow, [*sbatch, f"--array=0-{slow - 1}", f"--wrap={alone}"]),
        "packed-array": (packed, [*sbatch, f"--array=0-{_TASKS - 1}", f"--wrap={several}"]),
    }
    if python := peers.python("submitit"):
        words = [_KIND, "outputs", str(slowest), "slurm"]
        commands["submitit"] = (slowest, [python, DRIVERS / "submitit_jobs.py", *words])
    if python := peers.python("snakemake"):
        words = ["--executor", "slurm", "--jobs", str(slowest), "--default-resources"]
        words += ["mem_mb=500", "runtime=10", "slurm_account=lab"]
        commands["snakemake"] = (slowest, [*snakemake(python, _KIND, Path("outputs"), slowest), *words])
    return {name: _sweep(folder / name, *command, controller) for name, command in commands.items()}


def _jor(peers: Peers, per_task: int) -> list[str | Path]:
    words = ["run", "--wait", "--quiet", "--scheduler", "slurm", "--mem", "100M", "--jobs-per-task", str(per_task)]
    return [peers.jor, *words]


def _sweep(folder: Path, jobs: int, argv: Sequence[str | Path], controller: Controller) -> Swept:
    """Run a command that makes so many outputs by Slurm."""
    (folder / "outputs").mkdir(parents=True)
    shutil.copy(HERE / "jobs/tiny.py", folder)
    (folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: tiny.py\n  jobargs: n={jobs}, ms=10\n")
    controller.asked()
    began = time.time()
    done = subprocess.run(argv, cwd=folder, env=controller.environment, capture_output=True, text=True)
    calls, messages = controller.asked()
    ends = [output.stat().st_mtime for output in (folder / "outputs").glob("*.txt")]
    if done.returncode or len(ends) != jobs:
        raise RuntimeError(f"{argv}: {len(ends)} of {jobs} outputs\n{done.stdout}{done.stderr}")
    return Swept(jobs, max(ends) - began, calls, messages, folder)
