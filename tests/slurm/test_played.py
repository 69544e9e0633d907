"""The Slurm that is played: it says what a real one says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from jor_slurm import CommandError, IndexSet, RefusedError, SbatchOptions, Slurm, Snapshot
from jor_slurm.parsing import ACCOUNTING_FORMAT, QUEUE_FORMAT
from jor_slurm.running import asking_environment

from .played import PlayedSlurm

RECORDED = Path(__file__).parent.parent / "recorded" / "22.05"
NAMED = SbatchOptions(job_name="mine-1")


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Give a cluster with an array of four tasks, number 101; it is on the path."""
    slurm = PlayedSlurm(tmp_path / "slurm", accounting=True)
    monkeypatch.setenv("PATH", slurm.environment["PATH"])
    return slurm


def states(array):
    """Return the states of an array's tasks as squeue and as sacct tell them."""
    client = Slurm()
    told = (client.queue().records, client.accounting([array.job_id], 0).records)
    snapshots = [Snapshot((), rows) for rows in told]
    return [[task and task.state.short for task in (one.task(array, k) for k in range(4))] for one in snapshots]


def test_tasks_wait_run_end_and_are_forgotten(played):
    array = Slurm().submit("#!/bin/sh\n", NAMED, IndexSet.parse("0-3"))
    assert states(array) == [["PD"] * 4] * 2
    played.set(array.job_id, "RUNNING", tasks="1-2")
    played.set(array.job_id, "FAILED", tasks="2", exit="3:0", used="90M")
    assert states(array) == [["PD", "R", "F", "PD"]] * 2
    Slurm().cancel(array)
    assert states(array) == [["CA", "CA", "F", "CA"]] * 2
    played.settings(MinJobAge="0")
    assert states(array) == [[None] * 4, ["CA", "CA", "F", "CA"]]
    played.forget(array.job_id)
    assert states(array) == [[None] * 4] * 2


def test_answers_are_those_that_a_test_wants(played):
    array = Slurm().submit("#!/bin/sh\n", NAMED, IndexSet.parse("0-3"))
    played.freeze("squeue")
    played.set(array.job_id, "COMPLETED")
    assert states(array) == [["PD"] * 4, ["CD"] * 4]
    played.truth("squeue")
    played.answer("squeue", stderr="slurm_load_jobs error: x", times=1)
    with pytest.raises(CommandError):
        states(array)
    assert states(array) == [["CD"] * 4] * 2
    played.take(room=3)
    with pytest.raises(RefusedError):
        Slurm().submit("#!/bin/sh\n", NAMED, IndexSet.parse("0-3"))
    assert played.sizes == [4, 4]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("squeue", ["-a", "-t", "all", "-o", QUEUE_FORMAT, "--me"]),
        ("sacct", ["-P", "-o", ACCOUNTING_FORMAT, "-S", "now-1hours", "-j", "101,102"]),
    ],
)
def test_rows_are_those_of_a_real_one(played, command, words):
    """As far as numbers are not others."""
    played.add("jor-failed-0a1b2c", "0-1", state="FAILED", reason="NonZeroExitCode", exit="3:0", node="n2")
    played.add("jor-stuck-0a1b2c", reason="PartitionConfig")
    done = subprocess.run([command, *words], env=asking_environment(os.environ), capture_output=True, text=True)
    recorded = (RECORDED / f"{command}.txt").read_text().splitlines()
    said = [re.sub("[0-9]+", "0", line) for line in done.stdout.splitlines()]
    assert said[0] == recorded[0]
    assert set(said[1:]) <= {re.sub("[0-9]+", "0", line) for line in recorded}
    assert len(said) > 3
