"""What Slurm was asked for one submission, and what it answered: scheduler.jsonl in its folder.

A line is on the disk before Slurm is asked, so that a crash at any moment leaves a question that can be answered later.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from typing import Any

import attrs

from jor.runtime.process_id import Owner
from jor.runtime.run_folder import Run, append
from jor_slurm import ArrayId, ExitCode, IndexSet, JobState, SlurmError, Task

_NUMBERS = ("start", "end", "cancelled_by", "requested", "used")
#: What became of tasks that share it; None: their workers told it, and Slurm tells nothing of them any more.
Ended = tuple[IndexSet, "Task | None"]


@attrs.frozen
class RequestLog:
    """The content of scheduler.jsonl; times in seconds since 1970."""

    #: When sbatch was asked last, or was about to be by a process that may live; None if never.
    asked: float | None = None
    #: What the submission became, and since when it is known.
    array: ArrayId | None = None
    accepted: float | None = None
    #: Why it was refused; '' if it was not.
    refused: str = ""
    #: What became of all its tasks, and when that was told; None until it is known to be over.
    ended: Sequence[Ended] | None = None
    told: float | None = None


def read(run: Run) -> RequestLog:
    """Return what is known of a submission; a damaged line is passed over."""
    found = RequestLog()
    for entry in _entries(run):
        try:
            if entry["kind"] == "planned":
                planner = Owner.parse(str(entry["by"]))
                if planner is None or not planner.is_dead():  # it is about to ask
                    found = attrs.evolve(found, asked=_time(entry))
            elif entry["kind"] == "asked":
                found = attrs.evolve(found, asked=_time(entry))
            elif entry["kind"] == "accepted":
                found = attrs.evolve(found, array=_array(entry), accepted=_time(entry))
            elif entry["kind"] == "seen" and found.array is not None:
                found = attrs.evolve(found, array=attrs.evolve(found.array, submitted=float(entry["submitted"])))
            elif entry["kind"] == "refused":
                found = attrs.evolve(found, refused=str(entry["why"]))
            elif entry["kind"] == "ended":
                found = attrs.evolve(found, ended=[_ended(one) for one in entry["tasks"]], told=_time(entry))
        except (KeyError, ValueError, TypeError, OverflowError, AttributeError, SlurmError):
            continue
    return found


def planned(run: Run) -> None:
    """Write down that this process is going to ask sbatch: others may plan again, and have to know of it."""
    _write(run, "planned", by=str(Owner.current()))


def asked(run: Run) -> None:
    """Write down that sbatch is about to be asked."""
    _write(run, "asked")


def accepted(run: Run, array: ArrayId) -> None:
    """Write down what the submission became."""
    user = {} if array.user is None else {"user": array.user}
    _write(run, "accepted", job_id=array.job_id, name=array.name, cluster=array.cluster, **user)


def seen(run: Run, submitted: float) -> None:
    """Write down since when Slurm has it: by that it is known again, should somebody give it another name."""
    _write(run, "seen", submitted=submitted)


def refused(run: Run, why: str) -> None:
    """Write down that Slurm will not have it."""
    _write(run, "refused", why=why)


def ended(run: Run, tasks: Sequence[Ended]) -> None:
    """Write down what became of all its tasks: it is not asked for any more, and Slurm may forget it."""
    _write(run, "ended", tasks=[_record(indices, task) for indices, task in tasks])


def _time(entry: dict[str, Any]) -> float:
    time = float(entry["time"])
    if not math.isfinite(time):
        raise ValueError(time)
    return time


def _array(entry: dict[str, Any]) -> ArrayId:
    user = int(entry["user"]) if "user" in entry else None
    return ArrayId(int(entry["job_id"]), str(entry["name"]), str(entry.get("cluster", "")), user)


def _record(indices: IndexSet, task: Task | None) -> dict[str, Any]:
    if task is None:
        return {"tasks": str(indices)}
    code = task.exit_code
    fields = {
        "state": task.state.name,
        "reason": task.reason,
        "nodes": task.nodes,
        "start": task.start,
        "end": task.end,
        "exit_code": None if code is None else [code.status, code.signal],
        "cancelled_by": task.cancelled_by,
        "requested": task.requested,
        "used": task.used,
    }
    return {"tasks": str(indices), **{name: value for name, value in fields.items() if value not in (None, "")}}


def _ended(record: dict[str, Any]) -> Ended:
    indices = IndexSet.parse(str(record["tasks"]))
    if "state" not in record:
        return indices, None
    code = record.get("exit_code")
    numbers = {name: int(record[name]) for name in _NUMBERS if name in record}
    return indices, Task(
        JobState.of(str(record["state"])),
        str(record.get("reason", "")),
        str(record.get("nodes", "")),
        exit_code=None if code is None else ExitCode(int(code[0]), int(code[1])),
        **numbers,
    )


def _path(run: Run) -> str:
    return os.path.join(run.folder, "scheduler.jsonl")


def _entries(run: Run) -> list[dict[str, Any]]:
    try:
        lines = run.read(os.path.basename(_path(run))).decode(errors="replace").split("\n")
    except FileNotFoundError:
        return []
    entries = []
    for line in filter(None, lines):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue  # torn by a crash: what it would have said is found out anew
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def _write(run: Run, kind: str, **fields: Any) -> None:
    # A line of its own even after a torn one.
    line = "\n" + json.dumps({"kind": kind, "time": round(time.time(), 3), **fields}) + "\n"
    append(_path(run), line.encode())
