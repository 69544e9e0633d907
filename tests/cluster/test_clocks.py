"""Clocks that differ between nodes, and between the computers that commands are given on."""

from __future__ import annotations

import json
import os

import pytest

from ..faults.projects import expected
from ..integration.commands import outputs

#: Seconds that a clock may be off: with munge, which Slurm's messages are signed by, up to five minutes; without, any.
OFF = [-7200, -240, 240, 7200]
SET = """\
import os, time
real = time.time
time.time = lambda: real() + float(os.environ.get("CLOCK_OFF") or 0)
"""


def python_path(project):
    """Return what PYTHONPATH has to be for CLOCK_OFF to set the clock of a program in Python."""
    folder = project.folder / "clock"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SET)
    return f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)


@pytest.mark.every_version
@pytest.mark.parametrize("off", OFF)
def test_clock_of_one_node_that_is_off_costs_no_job(project, off):
    project.write_careful(8, 1)
    path = python_path(project)
    wrong = f'[ "$SLURMD_NODENAME" = n1 ] || {{ export CLOCK_OFF={off} PYTHONPATH={path}; touch was-wrong; }}'
    project.configure(jobs_per_task=2, prologue=wrong)
    project.jor("run", "--wait", "--time", "2", "--cpus-per-task", "2")  # a node has four
    assert (project.runs[0] / "was-wrong").exists()
    assert outputs(project.folder / "out") == expected(8)
    assert project.begun == list(range(8))
    assert project.overlaps == []


@pytest.mark.parametrize("off", OFF)
def test_commands_given_where_the_clock_is_off_plan_nothing_twice(project, off):
    project.write_careful(4, 0.1)
    project.configure(jobs_per_task=2, options="--hold")
    wrong = {"PYTHONPATH": python_path(project), "CLOCK_OFF": str(off)}
    project.jor("run", **wrong)
    assert "left to Slurm array" in project.jor("run")
    assert "left to Slurm array" in project.jor("run", **wrong)
    assert json.loads(project.jor("status", "--json", **wrong))["counts"]["queued"] == 4
    project.slurm("scontrol", "release", project.queue("%F")[0])
    project.jor("run", "--wait", **wrong)
    assert "all 4 jobs done" in project.jor("run")
    assert outputs(project.folder / "out") == expected(4)
    assert project.begun == list(range(4))


@pytest.mark.every_version
def test_submission_whose_clock_was_a_century_ahead_does_not_count_as_the_newest(project):
    project.write([0, 1], "assert False")
    project.jor("run", "--wait", code=1)
    (first,) = project.runs
    first.rename(first.with_name(f"21{first.name[2:]}"))
    project.write([0, 1], "while not os.path.exists(os.path.join(self.path_prefix, 'go')): time.sleep(0.1)")
    project.jor("run")
    assert "left to Slurm array" in project.jor("run")
    found = json.loads(project.jor("status", "--json"))["counts"]
    assert found["queued"] + found["running"] == 2
    (project.folder / "go").touch()
    project.wait()
    assert sorted(project.ran) == [0, 0, 1, 1]


def test_reason_that_only_the_accounting_knows_is_told_where_the_clock_is_ahead(project):
    wrong = {"PYTHONPATH": python_path(project), "CLOCK_OFF": "7200"}
    project.write([0], "os.kill(int(os.environ['SLURM_TASK_PID']), 9); time.sleep(60)")
    project.jor("run", **wrong)
    project.until(lambda: project.ran == [0])
    project.until(lambda: "signal 9" in project.jor("status", **wrong))
