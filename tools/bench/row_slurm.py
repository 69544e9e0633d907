"""Row slurm: many short jobs on a real Slurm of this machine, what a poll costs, and how many files there are."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes

sys.path.insert(0, str(HERE.parent / "testbed"))
from cluster import Cluster, TestbedError

#: Array tasks of one job each that stand for as many as there are jobs: the rest is scaled, as the note says.
UNPACKED = 300
#: Array tasks of a poll.
POLLED = 50_000


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    jobs = sizes.jobs_slurm
    try:
        with Cluster(folder / "slurm") as cluster:
            environment = {**os.environ, **cluster.environment, "JOR_SCHEDULER": "slurm", "JOR_POLL_INTERVAL": "1"}
            packed, tasks, files = _run(folder / "packed", jobs, -(-jobs // 16), peers, environment)
            unpacked, alone, _ = _run(folder / "unpacked", min(jobs, UNPACKED), 1, peers, environment)
    except TestbedError as error:
        return [Measured("slurm-sooner", note=f"not measured: {str(error).splitlines()[0]}")]
    scaled = unpacked * jobs / alone
    note = f"{jobs:,} jobs of {_MILLISECONDS} ms in {packed:.1f} s; {alone} single tasks in {unpacked:.1f} s, scaled"
    poll = [_poll(folder) for _ in range(sizes.rounds)]
    return [
        Measured("slurm-sooner", [packed], [scaled], note),
        Measured("slurm-tasks", [tasks], [jobs], f"{tasks} array tasks"),
        Measured("slurm-files", [files / tasks], note="journal and log; 5 more a submission"),
        Measured("slurm-poll", poll, note=f"CPU time of reading squeue of {POLLED:,} tasks, and of judging each"),
    ]


_MILLISECONDS = 5


def _run(folder: Path, jobs: int, per_task: int, peers: Peers, environment: dict[str, str]) -> tuple[float, int, int]:
    """Run `jobs` jobs in array tasks; return the seconds to the last output, how many tasks, and their files."""
    folder.mkdir()
    shutil.copy(HERE / "jobs/short.py", folder)
    (folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: short.py\n  jobargs: n={jobs}, ms={_MILLISECONDS}\n")
    began = time.monotonic()
    command = [peers.jor, "run", "--wait", "--quiet", "--mem", "100M", "--jobs-per-task", str(per_task)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    (run,) = folder.glob("short/.jor/*/runs/*")
    tasks = len(list(run.glob("task-*.r0.jsonl")))
    assert len(json.loads((run / "submission.json").read_text())["planned"]) == 1
    return seconds, tasks, len(list(run.glob("task-*")))


def _poll(folder: Path) -> float:
    """Return the CPU seconds of one poll of an array with POLLED tasks, half of them waiting, without squeue's own."""
    from jor_slurm import ArrayId, Slurm, Snapshot

    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    half = POLLED // 2
    rows = "".join(f"1|{i}|{i + 2}|RUNNING|n1|2026-01-01T00:00:00|N/A|None|jor-poll\n" for i in range(half))
    (programs / "rows").write_text(rows + f"1|{half}-{POLLED - 1}|1|PENDING||N/A|N/A|Priority|jor-poll\n")
    (programs / "squeue").write_text(f"#!/bin/sh\necho asked >> {programs}/calls\nexec cat {programs}/rows\n")
    (programs / "squeue").chmod(0o755)
    (programs / "calls").unlink(missing_ok=True)
    before = resource.getrusage(resource.RUSAGE_SELF)
    path, os.environ["PATH"] = os.environ["PATH"], f"{programs}:{os.environ['PATH']}"
    try:
        snapshot = Snapshot(Slurm().queue().records)
    finally:
        os.environ["PATH"] = path
    array = ArrayId(1, "jor-poll")
    active = [task for task in (snapshot.task(array, i) for i in range(POLLED)) if task is not None]
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert len(active) == POLLED
    assert (programs / "calls").read_text() == "asked\n"
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
