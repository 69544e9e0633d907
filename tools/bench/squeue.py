"""What it costs jor to read a long answer of squeue: an array of which half waits, by a squeue that only prints it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from jor_slurm import ArrayId, Slurm, Snapshot


def poll_seconds(folder: Path, tasks: int) -> float:
    """Return the CPU seconds of one poll of an array with so many tasks, and of judging each; without squeue's own."""
    programs = folder / f"squeue-{tasks}"
    _write_squeue(programs, tasks)
    before = resource.getrusage(resource.RUSAGE_SELF)
    path, os.environ["PATH"] = os.environ["PATH"], f"{programs}:{os.environ['PATH']}"
    try:
        snapshot = Snapshot(Slurm().queue().records)
    finally:
        os.environ["PATH"] = path
    array = ArrayId(1, "jor-poll")
    active = sum(snapshot.task(array, index) is not None for index in range(tasks))
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert active == tasks
    assert (programs / "calls").read_text() == "asked\n"
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _write_squeue(folder: Path, tasks: int) -> None:
    """Write a program squeue that answers as the real one does: a row a running task, one for all that wait."""
    folder.mkdir(exist_ok=True)
    half = tasks // 2
    rows = "".join(f"1|{i}|1_{i}|{i + 2}|RUNNING|n1|1780000000|N/A|1780000000|0|None|jor-poll\n" for i in range(half))
    waiting = f"1|{half}-{tasks - 1}|1_[{half}-{tasks - 1}]|1|PENDING||N/A|N/A|1780000000|0|Priority|jor-poll\n"
    (folder / "rows").write_text(rows + waiting)
    (folder / "squeue").write_text(f"#!/bin/sh\necho asked >> {folder}/calls\nexec cat {folder}/rows\n")
    (folder / "squeue").chmod(0o755)
    (folder / "calls").unlink(missing_ok=True)
