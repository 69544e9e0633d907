"""Faults of a cluster beyond those of submitting: drained nodes, a full queue, requeues, a squeue that fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import time

import pytest

from .conftest import impatient, later

with_mounts = pytest.mark.skipif(
    os.environ.get("JOR_TESTBED") == "chroot", reason="a small system in a folder has no mount(8)"
)


def counts(project, **environment):
    """Return the counts of the status."""
    return json.loads(project.jor("status", "--json", **environment))["counts"]


def begin_two_jobs(project):
    """Begin two jobs that wait for a file, as if long ago: what is new may be missing from the queue for a while."""
    project.write([0, 1], "while not os.path.exists(os.path.join(self.path_prefix, 'go')): time.sleep(0.1)")
    project.jor("run")
    project.until(lambda: sorted(project.ran) == [0, 1])
    later(project.runs[0], 400)


def they_are_left_alone_and_go_on(project, broken):
    """Check that commands in the environment `broken`, in which Slurm tells nothing, do nothing to them."""
    assert "running, though Slurm does not answer" in project.jor("status", **broken)
    assert counts(project, **broken)["running"] == 2
    assert "2 jobs running: left to Slurm array" in project.jor("run", **broken)
    (project.folder / "go").touch()
    project.wait()
    assert sorted(project.ran) == [0, 1]
    assert len(project.runs) == 1


def test_drained_nodes_keep_the_jobs_waiting(project):
    project.write([0, 1], "pass")
    project.slurm("scontrol", "update", "NodeName=n[1-2]", "State=DRAIN", "Reason=test")
    try:
        project.jor("run")
        assert counts(project)["queued"] == 2
        assert "left to Slurm array" in project.jor("run")
    finally:
        project.slurm("scontrol", "update", "NodeName=n[1-2]", "State=RESUME")
    project.wait()
    assert sorted(project.ran) == [0, 1]


@pytest.mark.parametrize(
    "nonsense",
    ["exec sleep 1000", "echo '<html>maintenance</html>'; exit 1", "echo '<html>maintenance</html>'", "kill -9 $$"],
)
def test_squeue_that_says_nothing_or_nonsense_makes_states_unknown(project, nonsense):
    begin_two_jobs(project)
    folder = project.folder / "bin"
    folder.mkdir()
    for name in ("squeue", "sacct"):
        (folder / name).write_text(f"#!/bin/sh\n{nonsense}\n")
        (folder / name).chmod(stat.S_IRWXU)
    broken = {**impatient(project), "PATH": f"{folder}{os.pathsep}{project.environment['PATH']}"}
    they_are_left_alone_and_go_on(project, broken)


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_slurm_conf_that_is_gone_or_broken_makes_states_unknown(project, content):
    begin_two_jobs(project)
    path = project.folder / "slurm.conf"
    if content:
        path.write_text(content)
    they_are_left_alone_and_go_on(project, {**impatient(project), "SLURM_CONF": str(path)})


@with_mounts
def test_folder_that_one_node_cannot_write_costs_no_job(project, cluster):
    project.write(list(range(8)), "pass")
    project.configure(jobs_per_task=1, retries=4)
    (project.folder / "out").mkdir()
    cluster.kill_node("n2")
    try:
        cluster.start_node("n2", read_only=project.folder / "out")
        cluster.wait_for_nodes()
        said = project.jor("run", "--wait", "--cpus-per-task", "2")  # a node has four
        assert len(project.outputs) == 8, said
        assert len(project.runs) > 1
    finally:
        cluster.kill_node("n2")
        cluster.start_node("n2")
        cluster.wait_for_nodes()


@with_mounts
def test_folder_that_one_node_does_not_see_costs_no_job(project, cluster):
    project.write(list(range(8)), "time.sleep(2)")
    project.configure(jobs_per_task=1)
    cluster.kill_node("n2")
    try:
        cluster.start_node("n2", unseen=project.folder)
        cluster.wait_for_nodes()
        project.jor("run", "--wait", "--cpus-per-task", "2", code=1)  # a node has four
        entry = json.loads(project.jor("status", "--json"))["entries"][0]
        assert 0 < entry["counts"]["done"] < 8
        assert len(entry["problems"]) == entry["counts"]["missing"] == 8 - entry["counts"]["done"]
        assert all("could not be opened" in problem["reason"] for problem in entry["problems"])
        project.jor("run", "--wait")
        assert "--exclude=n2" in (project.runs[1] / "submission.json").read_text()
        assert sorted(project.ran) == list(range(8))
        assert len(project.outputs) == 8
    finally:
        cluster.kill_node("n2")
        cluster.start_node("n2")
        cluster.wait_for_nodes()


@pytest.mark.parametrize("is_anew", [False, True])
def test_records_deleted_while_an_array_waits_cost_no_output(project, is_anew):
    project.write([0, 1], "pass")
    project.jor("run", "--wait")
    project.write([0, 1, 2, 3], "pass")
    project.configure(options="--hold")
    project.jor("run")
    (held,) = set(project.queue("%F"))
    shutil.rmtree(project.folder / "out" / ".jor")
    assert counts(project)["missing"] == 2
    project.configure()
    if is_anew:  # while the array that is forgotten still waits
        project.jor("run", "--wait")
    before = project.ran
    project.slurm("scontrol", "release", held)
    project.until(lambda: held not in project.slurm("squeue", "-h", "-o", "%F").split())
    assert project.ran == before
    project.jor("run", "--wait")
    assert sorted(project.ran) == [0, 1, 2, 3]
    assert len(project.outputs) == 4


def test_queue_of_the_controller_that_is_full_is_waited_for(make_cluster, project_on):
    project = project_on(make_cluster(settings={"MaxJobCount": "6", "MinJobAge": "2"}))
    others = [project.slurm("sbatch", "--parsable", "--hold", "--wrap=true").strip() for _ in range(4)]
    project.write(list(range(3)), "pass")
    project.configure(jobs_per_task=1)
    process = project.start("run")
    project.until(lambda: project.runs)
    time.sleep(3)
    assert process.poll() is None
    project.slurm("scancel", *others)
    said, _ = process.communicate(timeout=160)
    assert process.returncode == 0, said
    project.jor("run", "--wait")
    assert sorted(project.ran) == [0, 1, 2]


def test_array_fits_into_the_queue_of_the_controller(make_cluster, project_on):
    project = project_on(make_cluster(settings={"MaxJobCount": "6"}))
    project.write(list(range(5)), "pass")
    project.configure(jobs_per_task=1)
    project.jor("run", "--wait")
    assert sorted(project.ran) == list(range(5))


def test_task_requeued_by_an_administrator_goes_on_with_what_is_left(project):
    project.configure(jobs_per_task=3, requeue=True)
    go = project.folder / "go"
    project.write(["a", "b", "c"], f"while how == 'b' and not os.path.exists({str(go)!r}): time.sleep(0.1)")
    project.jor("run")
    project.until(lambda: project.ran == [0, 1])
    task = f"{project.queue('%F')[0]}_0"
    project.slurm("scontrol", "requeue", task)
    project.until(lambda: '"over"' in (project.runs[0] / "task-0.r0.jsonl").read_text())
    go.touch()
    project.until(lambda: project.start_now(task) or len(project.outputs) == 3, 240)
    assert project.ran == [0, 1, 1, 2]
    lines = (project.runs[0] / "task-0.log").read_text().splitlines()
    assert [line[-1] for line in lines if line.startswith("this is")] == ["a", "b", "b", "c"]
    assert project.jor("logs", "jobs_out", "0").splitlines()[1:] == ["this is a"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_jobs_go_on_when_the_command_that_waits_is_stopped(project, number, code):
    project.write([0, 1], "while not os.path.exists(os.path.join(self.path_prefix, 'go')): time.sleep(0.1)")
    process = project.start("run", "--wait")
    project.until(lambda: sorted(project.ran) == [0, 1])
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "The jobs go on without this command" in said
    assert counts(project)["running"] == 2
    (project.folder / "go").touch()
    project.wait()
    assert sorted(project.ran) == [0, 1]
    assert len(project.outputs) == 2


def test_jobs_go_on_when_the_command_that_waits_is_killed(project):
    project.write([3, 3], "time.sleep(how)")
    process = project.start("run", "--wait")
    project.until(lambda: sorted(project.ran) == [0, 1])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    project.jor("run", "--wait")
    assert sorted(project.ran) == [0, 1]
    assert len(project.outputs) == 2
