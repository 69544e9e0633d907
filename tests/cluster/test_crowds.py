"""Many commands at once on a real Slurm, and cancelling while tasks start: each job runs once at a time."""

from __future__ import annotations

import random
import time

import pytest

from ..faults.conftest import seeds
from ..faults.projects import expected
from ..integration.commands import outputs
from ..integration.test_one_maker import SLOW
from .conftest import arrays, give_up_unconfirmed, later


def all_end_well(commands):
    """Wait for all commands; none may fail."""
    for process in commands:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said


@pytest.mark.every_version
@pytest.mark.parametrize("count", [2, 10])
def test_runs_and_statuses_at_once_submit_one_array(project, count, record_property):
    project.write_careful(6, 0.5)
    project.configure(jobs_per_task=2)
    commands = [project.start(*args) for _ in range(count) for args in (["run"], ["status"], ["run", "--wait"])]
    all_end_well(commands)
    assert project.begun == list(range(6))
    assert project.overlaps == []
    assert outputs(project.folder / "out") == expected(6)
    assert len(arrays(project)) == 1
    record_property("commands", len(commands))


def test_lists_with_the_same_outputs_that_begin_together_submit_one_array(project):
    """Their entries differ by an argument that is in no output's name: each has its own folder of records."""
    head = "def __init__(self, tag=0, path_prefix='.'):\n    super().__init__(path_prefix)\n    self._mk_jobs()"
    project.write([0, 0, 0], "time.sleep(2)", head)
    (project.folder / "late").mkdir()
    (project.folder / "late" / "sitecustomize.py").write_text(SLOW)
    commands = []
    for tag in (1, 2):
        todo = f"jobs:\n  - jobmodule: jobs_out\n    jobargs: tag={tag}\n"
        (project.folder / f"{tag}.yaml").write_text(todo)
        commands.append(project.start("run", "--todo-list", f"{tag}.yaml", PYTHONPATH=str(project.folder / "late")))
    all_end_well(commands)
    assert len(arrays(project)) == 1
    project.until(lambda: len(outputs(project.folder / "out")) == 3)
    assert sorted(project.ran) == [0, 1, 2]


@pytest.mark.parametrize("seed", seeds(6))
def test_cancel_that_races_with_starting_tasks_leaves_nothing_that_begins_later(project, seed, record_property):
    chance = random.Random(seed)
    project.write_careful(12, 0.5)
    project.configure(jobs_per_task=2)
    commands = [project.start("run") for _ in range(2)]
    time.sleep(chance.uniform(0, 4))
    commands += [project.start("cancel") for _ in range(2)]
    all_end_well(commands)
    project.jor("cancel")  # what the first two came too early for
    project.until(lambda: project.queue() == [])
    begun = project.begun
    said = project.jor("run", "--wait")
    assert outputs(project.folder / "out") == expected(12), said
    assert project.overlaps == []
    assert set(project.begun) == set(range(12))
    assert len(project.begun) <= 12 + len(begun)
    record_property("commands", len(commands))


@pytest.mark.parametrize("seed", seeds(4))
def test_runs_overwrites_and_cancels_of_which_some_are_killed_lose_nothing(project, seed, record_property):
    chance = random.Random(seed)
    project.write_careful(6, 1)
    project.configure(jobs_per_task=2)
    commands, kills = [], 0
    for _ in range(10):
        args = chance.choice((["run"], ["run", "--wait"], ["run", "--overwrite-output"], ["status"], ["cancel"]))
        commands.append(project.start(*args))
        time.sleep(chance.random())
        if chance.random() < 0.3:
            victim = chance.choice(commands)
            kills += victim.poll() is None
            victim.kill()

    def have_ended():
        give_up_unconfirmed(project, 30)  # nobody knows of those that were killed whether they came to ask sbatch
        return all(process.poll() is not None for process in commands)

    project.until(have_ended, 300)
    for process in commands:
        assert "Traceback" not in process.communicate()[0]
    project.until(lambda: project.queue("%i", "-t", "PD,R,CG") == [], 200)
    for run in project.runs:
        if (run / "scheduler.jsonl").exists():
            later(run, 400)
    project.jor("run", "--wait")
    assert outputs(project.folder / "out") == expected(6)
    assert project.overlaps == []
    record_property("commands", len(commands))
    record_property("kills", kills)
