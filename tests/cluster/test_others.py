"""What administrators and other users do to an array: hold, release, requeue, suspend, cancel half of it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

from ..faults.projects import expected
from ..integration.commands import outputs
from .conftest import hasty, later

#: A user who may cancel other users' jobs. Not "nobody": Slurm 26.05 lets him do nothing.
OTHER = "daemon"


def found(project):
    """Return the counts of the status, and its text."""
    return json.loads(project.jor("status", "--json"))["counts"], project.jor("status")


def as_other(project, *argv):
    """Run a command of Slurm as somebody else, who may look into the folders of the test; tell whether it could."""
    look = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    command = ["setpriv", f"--reuid={OTHER}", "--clear-groups", *look, *argv]
    return subprocess.run(command, env=project.environment, capture_output=True, timeout=60).returncode == 0


def jor_as_other(project, *args):
    """Give the command jor as somebody else who may write there; return its exit code, and what it said."""
    rights = "+dac_override,+dac_read_search"
    command = ["setpriv", f"--reuid={OTHER}", "--clear-groups", f"--inh-caps={rights}", f"--ambient-caps={rights}"]
    environment = {**project.environment, "XDG_CACHE_HOME": str(project.folder / "cache of another")}
    command += [sys.executable, "-m", "jor_cli", *args]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.every_version
def test_array_of_another_user_is_known_and_left_alone(project):
    project.write([0, 1], "while not os.path.exists(os.path.join(self.path_prefix, 'go')): time.sleep(0.2)")
    project.configure(jobs_per_task=1)
    project.jor("run")
    project.until(lambda: sorted(project.ran) == [0, 1])
    later(project.runs[0], 3600)
    for journal in project.runs[0].glob("task-*.jsonl"):  # nothing is heard of them
        os.utime(journal, (0, 0))
    code, said = jor_as_other(project, "status", "--json")
    assert (code, json.loads(said)["counts"]["running"]) == (0, 2)
    code, said = jor_as_other(project, "run")
    assert code == 0
    assert "2 jobs running: left to Slurm array" in said
    assert "of user root" in said
    for command in (["cancel"], ["throttle", "1"]):
        code, said = jor_as_other(project, *command)
        assert code == 0
        assert "of user root is left alone" in said
    (project.folder / "go").touch()
    project.wait()
    assert len(project.runs) == 1
    assert sorted(project.ran) == [0, 1]
    project.write([0, 1], "raise MemoryError")
    for path in (project.folder / "out").glob("*.txt"):
        path.unlink()
    project.jor("run", "--wait", code=1)
    code, said = jor_as_other(project, "status")
    assert "MemoryError" in said


@pytest.mark.every_version
def test_array_of_another_cluster_is_unknown_until_it_is_taken_over(project, make_cluster):
    there = make_cluster(settings={"ClusterName": "other"}).environment
    project.write([0, 1], "pass")
    project.configure(jobs_per_task=1, options="--hold")
    project.jor("run")
    (array,) = set(project.queue("%F"))
    later(project.runs[0], 3600)
    assert json.loads(project.jor("status", "--json", **there))["counts"]["unknown"] == 2
    project.configure(jobs_per_task=1)
    said = project.jor("run", code=75, **there)
    assert f"Slurm array {array} on cluster testbed is unknown" in said
    assert "it cannot be asked from cluster other" in said
    assert "on cluster testbed is left alone" in project.jor("cancel", **there)
    assert "2 jobs unknown: left to" in project.jor("run", "--wait", code=75, **there)
    assert json.loads(project.jor("status", "--json"))["counts"]["queued"] == 2
    assert len(project.runs) == 1

    said = project.jor("run", "--take-over", "jobs_out", "--wait", **there, **hasty(project, 3))
    assert f"2 jobs taken over from Slurm array {array} on cluster testbed" in said
    assert sorted(project.ran) == [0, 1]
    project.slurm("scontrol", "release", array)
    project.until(lambda: project.queue("%F") == [])
    assert sorted(project.ran) == [0, 1]
    assert "its jobs were taken over by" in (project.runs[0] / "task-0.log").read_text()


@pytest.mark.every_version
def test_half_of_an_array_cancelled_by_somebody_is_told_and_run_again(project):
    project.slurm("sacctmgr", "-i", "add", "user", OTHER, "Account=lab", "AdminLevel=Operator")
    project.write([0, 0, 60, 60], "time.sleep(0 if os.path.exists(os.path.join(self.path_prefix, 'go')) else how)")
    project.configure(jobs_per_task=1)
    project.jor("run")
    project.until(lambda: sorted(project.ran) == [0, 1, 2, 3])
    half = f"{project.queue('%F')[0]}_[2-3]"
    project.until(lambda: as_other(project, "scancel", half))  # the controller learns of the user after a while
    project.wait()
    counts, said = found(project)
    assert (counts["done"], counts["interrupted"]) == (2, 2)
    assert "was cancelled" in said  # and by whom, as soon as accounting knows
    (project.folder / "go").touch()
    project.jor("run", "--wait")
    assert sorted(project.ran) == [0, 1, 2, 2, 3, 3]


@pytest.mark.every_version
@pytest.mark.parametrize("cancelled", [range(1, 60, 2), random.Random(0).sample(range(60), 30)], ids=["evenly", "not"])
def test_tasks_of_an_array_are_counted_however_many_holes_it_has(project, cancelled):
    project.configure(options="--hold", jobs_per_task=1)
    project.write(list(range(60)), "pass")
    project.jor("run")
    project.slurm("scancel", f"{project.queue('%F')[0]}_[{','.join(map(str, cancelled))}]")
    later(project.runs[0], 100)  # what is new may be missing from the queue for a while
    soon = hasty(project, 2)  # what squeue does not show is lost after ten minutes

    def is_told() -> bool:
        counts = json.loads(project.jor("status", "--json", **soon))["counts"]
        return (counts["queued"], counts["missing"], counts["unknown"]) == (30, 30, 0)

    project.until(is_told)
    assert "30 tasks of Slurm array" in project.jor("status", **soon)


@pytest.mark.every_version
def test_array_that_is_held_waits_until_it_is_released(project):
    project.configure(options="--begin=now+1hour", jobs_per_task=1)
    project.write([0, 1], "pass")
    project.jor("run")
    array = project.queue("%F")[0]
    project.slurm("scontrol", "hold", array)
    counts, said = found(project)
    assert counts["queued"] == 2
    assert "2 tasks of Slurm array" in said
    assert "will not begin by itself: it is held" in said
    assert "left to Slurm array" in project.jor("run")
    project.slurm("scontrol", "release", array)
    project.start_now(array)
    project.wait()
    assert sorted(project.ran) == [0, 1]


@pytest.mark.every_version
def test_task_that_is_requeued_and_held_goes_on_when_it_is_released(project):
    # For so long it is at work, as Slurm says, and the newest of its journals that it was stopped.
    project.configure(jobs_per_task=4, requeue=True, prologue="sleep 3")
    project.write_careful(4, 2)
    project.jor("run")
    project.until(lambda: project.begun[:2] == [0, 1])
    task = f"{project.queue('%F')[0]}_0"
    project.slurm("scontrol", "requeuehold", task)
    said = project.until(lambda: (said := project.jor("status")) and "will not begin by itself" in said and said)
    assert "it was requeued and is held" in said or "it is held" in said
    counts, _ = found(project)
    assert (counts["failed"], counts["missing"], counts["interrupted"]) == (0, 0, 0)
    assert "left to Slurm array" in project.jor("run")
    project.slurm("scontrol", "release", task)
    project.start_now(task)
    said = project.wait(180)
    assert outputs(project.folder / "out") == expected(4), f"{said}\n{project.cluster.state()}"
    assert project.overlaps == []
    assert project.begun in ([0, 1, 1, 2, 3], [0, 1, 2, 3])  # the second may just have ended
    assert len(project.runs) == 1


def test_task_that_is_suspended_counts_as_running_and_goes_on(project):
    project.write_careful(2, 3)
    project.configure(jobs_per_task=2)
    project.jor("run")
    project.until(lambda: project.begun == [0])
    task = f"{project.queue('%F')[0]}_0"
    project.slurm("scontrol", "suspend", task)
    counts, _ = found(project)
    assert (counts["running"], counts["queued"]) == (1, 1)
    assert "left to Slurm array" in project.jor("run")
    project.slurm("scontrol", "resume", task)
    project.wait()
    assert project.begun == [0, 1]
    assert project.overlaps == []
    assert os.listdir(project.folder / "out" / ".jor")
