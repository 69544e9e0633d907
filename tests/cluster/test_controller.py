"""slurmctld killed and started anew at every step of a submission: each job is run, and none twice at once."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..faults.conftest import seeds
from .conftest import complete, fake_sbatch

JOBS = 4


def running(folder):
    """Return the lines of a shell that tell CONTROLLER the process of slurmctld."""
    return f"CONTROLLER=$(cat {folder}/run/slurmctld.pid)"


@contextlib.contextmanager
def foreign_jobs(project):
    """Have jobs in the queue that jor is to leave alone: held ones, which get the ids that the controller lost."""
    ids = [project.slurm("sbatch", "--parsable", "--hold", "--wrap=true").strip() for _ in range(8)]
    yield
    assert set(project.slurm("squeue", "-h", "-t", "PD", "-o", "%i", "-j", ",".join(ids)).split()) == set(ids)
    project.slurm("scancel", *ids)


def nothing_has_failed(project):
    counts = json.loads(project.jor("status", "--json"))["counts"]
    assert counts["failed"] == 0
    assert sum(counts.values()) == JOBS


@contextlib.contextmanager
def administrator(cluster):
    """Have somebody look after nodes that Slurm drains: it gives ids again of jobs that it has lost, and that run."""
    is_over = threading.Event()

    def look_after():
        while not is_over.wait(2):
            cluster.resume_nodes()

    thread = threading.Thread(target=look_after)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


STEPS = {
    "before sbatch": {"before": "kill -9 $CONTROLLER"},
    "while sbatch asks": {"before": "kill -STOP $CONTROLLER; (sleep 1; kill -9 $CONTROLLER) &"},
    "before the id is told": {"after": "kill -9 $CONTROLLER"},
    "before the id is told, and jor as well": {"after": "kill -9 $CONTROLLER $PPID"},
}


@pytest.mark.parametrize("step", STEPS)
def test_controller_killed_at_a_step_of_a_submission_costs_no_job(project, cluster, step, record_property):
    project.write_careful(JOBS, 2)
    project.configure(jobs_per_task=2)
    shell = {when: f"{running(cluster.folder)}; {commands}" for when, commands in STEPS[step].items()}
    process = project.start("run", **fake_sbatch(project, **shell))
    controller = cluster.controller_pid
    project.until(lambda: not cluster.lives(controller))
    time.sleep(1)
    cluster.kill_controller()
    cluster.start_controller()
    process.communicate(timeout=120)
    with foreign_jobs(project), administrator(cluster):
        nothing_has_failed(project)
        complete(project, JOBS)
    record_property("kills", 2 if "as well" in step else 1)


@pytest.mark.parametrize("seed", seeds(3))
def test_controller_killed_at_any_time_after_submissions_costs_no_job(make_project, cluster, seed, record_property):
    chance = random.Random(seed)
    projects = [make_project(f"sweep{number}") for number in range(7)]
    processes = []
    pauses = [3, 3, 2, 1, 0.7, 0.3, 0]  # it saves its state every five seconds
    for project, pause in zip(projects, pauses, strict=True):
        project.write_careful(JOBS, chance.choice([0.1, 2, 6]))
        project.configure(jobs_per_task=2)
        processes.append(project.start("run"))
        time.sleep(pause * chance.uniform(0.7, 1.3))
    cluster.kill_controller()
    time.sleep(chance.uniform(0, 3))
    cluster.start_controller()
    for process in processes:
        said, _ = process.communicate(timeout=180)
        assert process.returncode in (0, 75), said
    with foreign_jobs(projects[0]), administrator(cluster), ThreadPoolExecutor() as threads:
        list(threads.map(nothing_has_failed, projects))
        list(threads.map(complete, projects, [JOBS] * len(projects)))
    record_property("kills", 1)
