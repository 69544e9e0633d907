"""What Slurm was asked for one submission, and what it answered: scheduler.jsonl in its folder.

A line is on the disk before Slurm is asked, so that a crash at any moment leaves a question that can be answered later.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import attrs

from jor.runtime.run_folder import Run, append
from jor_slurm import ArrayId


@attrs.frozen
class RequestLog:
    """The content of scheduler.jsonl; times in seconds since 1970."""

    #: When sbatch was asked last; None if never.
    asked: float | None = None
    #: What the submission became, and since when it is known.
    array: ArrayId | None = None
    accepted: float | None = None
    #: Why it was refused; '' if it was not.
    refused: str = ""


def read(run: Run) -> RequestLog:
    """Return what is known of a submission; a damaged line is passed over."""
    found = RequestLog()
    for entry in _entries(run):
        try:
            if entry["kind"] == "asked":
                found = attrs.evolve(found, asked=float(entry["time"]))
            elif entry["kind"] == "accepted":
                array = ArrayId(int(entry["job_id"]), str(entry["name"]), str(entry.get("cluster", "")))
                found = attrs.evolve(found, array=array, accepted=float(entry["time"]))
            elif entry["kind"] == "refused":
                found = attrs.evolve(found, refused=str(entry["why"]))
        except (KeyError, ValueError, TypeError, OverflowError):
            continue
    return found


def asked(run: Run) -> None:
    """Write down that sbatch is about to be asked."""
    _write(run, "asked")


def accepted(run: Run, array: ArrayId) -> None:
    """Write down what the submission became."""
    _write(run, "accepted", job_id=array.job_id, name=array.name, cluster=array.cluster)


def refused(run: Run, why: str) -> None:
    """Write down that Slurm will not have it."""
    _write(run, "refused", why=why)


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
