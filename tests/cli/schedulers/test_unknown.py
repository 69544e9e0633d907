"""Jobs of which Slurm, asked from here, tells nothing: other users', other clusters', silence; a played Slurm."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

import jor_slurm.commands
from jor.planning.planner import again
from jor.runs.journals import STALE_AFTER
from jor.runtime.events import VERSION, Begin, Claim, Over
from jor.runtime.journal import Journal
from jor.runtime.process_id import Owner
from jor.runtime.run_folder import Run
from jor_cli.actions.cancel import cancel
from jor_cli.actions.run import Manner, launch
from jor_cli.actions.take_over import take_over
from jor_cli.actions.throttle import throttle
from jor_cli.errors import LATER
from jor_cli.schedulers.slurm.monitor import LOST_AFTER
from jor_cli.workspace import Workspace

OPTIONS = {"scheduler": "slurm", "jobs-per-task": 1, "poll-interval": 0.0, "time": "1:00:00"}
OTHER = 4321


class Project:
    """A project with an array of two tasks, 101, that was accepted an hour ago; it is the working directory."""

    def __init__(self, slurm, monkeypatch):
        self.slurm, self._monkeypatch = slurm, monkeypatch
        assert self.run() == 0
        (self.folder,) = Path().glob("output/*/.jor/*/runs/*")
        self.pass_time(3600)

    def run(self):
        """Give `jor run`; return its exit code."""
        return launch(self.workspace, self.workspace.entries(), Manner())

    @property
    def workspace(self):
        return Workspace.open(OPTIONS)

    @property
    def survey(self):
        """The entry as `jor status` finds it."""
        workspace = self.workspace
        (found,) = workspace.survey(workspace.entries())
        return found

    @property
    def counts(self):
        """How many jobs are in each state that one is in."""
        return {state.value: count for state, count in self.survey.status.counts.items() if count}

    @property
    def notes(self):
        return "\n".join(note for carrier in self.survey.status.carriers for note in carrier.notes)

    def pass_time(self, seconds):
        """Let the submission, and what was missed, be so much older."""
        path = self.folder / "scheduler.jsonl"
        entries = [json.loads(line) for line in path.read_text().split("\n") if line]
        path.write_text("".join(json.dumps({**one, "time": one["time"] - seconds}) + "\n" for one in entries))
        for path in Path(os.environ["XDG_CACHE_HOME"], "jor").glob("missing-*"):
            content = {
                run: [[at - seconds, tasks] for at, tasks in since]
                for run, since in json.loads(path.read_text()).items()
            }
            path.write_text(json.dumps(content))
        for path in [
            *self.folder.glob("task-*"),
            *self.folder.glob("revoked"),
            *self.folder.parents[1].glob("partial/*"),
        ]:
            os.utime(path, (path.stat().st_mtime - seconds,) * 2)

    def settings(self, **settings):
        """Change what `scontrol show config` tells, and forget what it has told."""
        self.slurm.settings(**settings)
        shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]))

    def begin(self, ago=0.0, *events):
        """Let both tasks have begun their jobs on another host, and be heard of so long ago."""
        for task in (0, 1):
            owner = str(Owner("elsewhere", "boot", 100 + task, 1))
            journal = Journal(Run(str(self.folder)).journal(task), Claim(VERSION, owner))
            for event in (Begin(task, time.time()), *events):
                journal.write(event)
            journal.close()
            (self.folder.parents[1] / "partial" / f"{owner}~0").mkdir(parents=True)
        self.pass_time(ago)

    @property
    def is_unharmed(self):
        """Whether nobody has revoked a task, swept its staging folder, or submitted its job again."""
        staging = len(list(self.folder.parents[1].glob("partial/*")))
        is_whole = staging == len(list(self.folder.glob("task-*.jsonl")))
        return is_whole and not (self.folder / "revoked").exists() and len(self.slurm.calls("sbatch")) == 1

    def belong_to_another(self, **changes):
        """Let the submission be that of another user, or cluster."""
        path = self.folder / "submission.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        if "user" in changes:
            path = self.folder / "scheduler.jsonl"
            path.write_text(path.read_text().replace(f'"user": {os.getuid()}', f'"user": {OTHER}'))
            self.slurm.change(101, user=OTHER)


@pytest.fixture
def project(example, slurm, monkeypatch):
    """Give such a project."""
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: ./jobs_example.py\n  jobargs: n=2\n")
    monkeypatch.chdir(example)
    slurm.settings(AccountingStorageType="accounting_storage/slurmdbd")
    return Project(slurm, monkeypatch)


def silence(slurm):
    slurm.answer("squeue", stderr="slurm_load_jobs error: Socket timed out on send/recv operation")


def nothing(slurm):
    slurm.answer("squeue")


def failure(slurm):
    slurm.answer("squeue", stderr="slurm_load_jobs error: Unable to contact slurm controller", status=1)


def no_rows(slurm):
    slurm.purge(101)


def half_a_row(slurm):
    slurm.answer("squeue", stdout="ARRAY_JOB_ID|ARRAY_TASK\n101|0-")


SILENT = [silence, nothing, failure, no_rows, half_a_row]


@pytest.mark.parametrize("answer", SILENT)
def test_silence_makes_no_end(project, slurm, capsys, answer):
    """No job was begun, or none has been heard of for long: unknown, left alone, and told."""
    project.settings(AccountingStorageType="accounting_storage/none")
    answer(slurm)
    assert project.counts == {"unknown": 2}
    assert "is unknown since" in project.notes
    assert project.run() == LATER
    assert "the state of Slurm array 101 is unknown" in capsys.readouterr().err
    assert project.is_unharmed


@pytest.mark.parametrize("answer", [*SILENT, lambda slurm: slurm.set(101, "NODE_FAIL")])
@pytest.mark.parametrize("ago", [5.0, STALE_AFTER - 20])
def test_worker_that_is_heard_of_is_at_work_whatever_slurm_says(project, slurm, answer, ago):
    project.settings(AccountingStorageType="accounting_storage/none")
    slurm.set(101, "RUNNING")
    project.begin()
    answer(slurm)
    assert project.counts == {"running": 2}
    project.pass_time(LOST_AFTER + 10)  # the second answer without it
    for path in project.folder.glob("task-*.jsonl"):
        os.utime(path, (time.time() - ago,) * 2)
    assert "running, though" in project.notes
    assert project.run() == 0
    assert project.is_unharmed


@pytest.mark.parametrize(("state", "counted"), [("RUNNING", "running"), ("PENDING", "queued")])
def test_task_that_sacct_shows_is_active_though_squeue_does_not_show_it(project, slurm, state, counted):
    slurm.set(101, state)
    if state == "RUNNING":
        project.begin(3 * STALE_AFTER)
    slurm.purge(101)
    for _ in range(2):
        assert project.counts == {counted: 2}
        assert f"2 tasks of Slurm array 101: {counted}, though squeue does not show it" in project.notes
        assert project.run() == 0
        assert project.is_unharmed
        project.pass_time(LOST_AFTER + 10)


def test_sacct_that_tells_no_end_is_believed_until_the_time_is_up(project, slurm):
    slurm.set(101, "RUNNING", start=int(time.time()) - 3600 - int(STALE_AFTER) - 5)
    project.begin(2 * 3600)
    slurm.purge(101)
    assert project.counts == {"interrupted": 2}


def test_task_is_lost_when_two_answers_do_not_show_it_and_nothing_is_heard_of_it(project, slurm):
    slurm.set(101, "RUNNING")
    project.begin(STALE_AFTER + 10)
    slurm.forget(101)
    assert project.counts == {"unknown": 2}
    assert "squeue does not show it; unless it is heard of, it counts as lost at" in project.notes
    project.pass_time(LOST_AFTER - 30)
    assert project.counts == {"unknown": 2}
    project.pass_time(60)
    assert project.counts == {"interrupted": 2}
    assert {problem.reason for problem in project.survey.status.problems} == {"Slurm does not know its task any more"}
    assert project.run() == 0
    assert len(slurm.calls("sbatch")) == 2
    assert (project.folder / "revoked").exists()


def test_array_is_not_lost_where_the_name_of_the_cluster_cannot_be_asked(project, slurm):
    project.settings()
    slurm.answer("scontrol", stderr="scontrol: command restricted to administrators", status=1)
    slurm.forget(101)
    for _ in range(2):
        assert project.counts == {"unknown": 2}
        project.pass_time(LOST_AFTER + 10)


def test_squeue_has_to_show_what_ended_for_as_long_as_the_site_keeps_it(project, slurm):
    project.settings(MinJobAge="5000")
    slurm.forget(101)
    for age in (0, 4900):
        project.pass_time(age)
        assert project.counts == {"unknown": 2}
    project.pass_time(200)
    assert project.counts == {"missing": 2}


def test_task_that_told_its_end_is_over_though_slurm_has_forgotten_it(project, slurm):
    project.settings(AccountingStorageType="accounting_storage/none")
    project.begin(0.0, Over(0, 1))
    slurm.forget(101)
    assert project.counts == {"interrupted": 2}


def test_staging_of_a_lost_task_is_swept_when_nothing_was_heard_of_it_for_long(project, slurm):
    slurm.set(101, "FAILED")
    project.begin()
    staging = project.folder.parents[1] / "partial"
    assert project.run() == 0
    assert len(list(staging.iterdir())) == 2
    slurm.set(102, "FAILED")
    project.pass_time(STALE_AFTER + 10)
    project.run()
    assert not staging.exists()


def test_array_of_another_user_is_asked_for_by_its_id(project, slurm, capsys):
    project.belong_to_another(user="ann")
    slurm.set(101, "RUNNING", tasks="0")
    project.begin(3 * STALE_AFTER)
    assert project.counts == {"running": 1, "queued": 1}
    assert any("-j 101" in call for call in slurm.calls("squeue"))
    assert project.run() == 0
    assert "left to Slurm array 101 of user ann" in capsys.readouterr().out
    assert project.is_unharmed


@pytest.mark.parametrize(
    ("whose", "told"),
    [
        ({"user": "ann"}, "of user ann is unknown"),
        ({"cluster": "alpha"}, "on cluster alpha is unknown"),
        ({"user": "ann", "cluster": "alpha"}, "of user ann on cluster alpha is unknown"),
    ],
)
def test_array_that_cannot_be_asked_for_from_here_is_unknown_until_its_time_is_up(project, slurm, capsys, whose, told):
    project.settings(AccountingStorageType="accounting_storage/none")
    project.belong_to_another(**whose)
    slurm.purge(101)
    for _ in range(2):
        assert project.counts == {"unknown": 2}
        assert project.run() == LATER
        assert project.is_unharmed
        project.pass_time(LOST_AFTER + 10)
    said = capsys.readouterr().err
    assert f"the state of Slurm array 101 {told}" in said
    assert "jor run --take-over jobs_example(n=2)" in said
    project.belong_to_another(created="2026-01-01T00:00:00.000Z")
    assert project.counts == {"missing": 2}
    assert project.run() == 0
    assert len(slurm.calls("sbatch")) == 2


@pytest.mark.parametrize("whose", [{"user": "ann"}, {"cluster": "alpha"}])
def test_arrays_of_others_are_neither_cancelled_nor_throttled(project, slurm, whose):
    project.belong_to_another(**whose)
    for act in (cancel, lambda *args: throttle(*args, 1)):
        workspace = project.workspace
        ((_, one),) = act(workspace, workspace.entries())
        assert one.whose == (f"of user {whose['user']}" if "user" in whose else "on cluster alpha")
    assert project.is_unharmed
    assert slurm.calls("scancel") == []
    assert not any("update" in call for call in slurm.calls("scontrol"))


def test_what_is_unknown_is_taken_over_when_those_who_may_have_it_had_time_to_see_it(
    project, slurm, monkeypatch, capsys
):
    project.belong_to_another(cluster="alpha")
    workspace = project.workspace
    for module in ("jor_cli.actions.take_over", "jor.planning.unseen", "jor.runs.journals"):
        monkeypatch.setattr(f"{module}.STALE_AFTER", 0.3)
    said = []
    began = time.monotonic()
    assert take_over(workspace, workspace.entries(), said.append) == 0
    assert time.monotonic() - began > 0.3
    assert said[0] == "jobs_example(n=2): 2 jobs taken over from Slurm array 101 on cluster alpha"
    assert "taken over by" in (project.folder / "revoked").read_text()
    assert launch(workspace, workspace.entries(), Manner()) == 0
    assert len(slurm.calls("sbatch")) == 2


def test_what_is_heard_of_is_not_taken_over(project, slurm):
    project.belong_to_another(cluster="alpha")
    project.begin()
    workspace = project.workspace
    assert take_over(workspace, workspace.entries(), lambda text: pytest.fail(text)) == 0
    assert project.counts == {"running": 2}
    assert project.is_unharmed


def test_what_became_of_an_array_is_written_down_and_not_asked_for_again(project, slurm):
    slurm.set(101, "OUT_OF_MEMORY", tasks="0", used="99M")
    slurm.set(101, "FAILED", tasks="1", exit="0:9")
    project.begin(10.0)
    before = [problem.reason for problem in project.survey.status.problems]
    assert "ran out of memory" in before[0]
    assert "signal 9" in before[1]
    assert project.run() == 0
    slurm.forget(101)
    slurm.set(102, "COMPLETED")  # and nothing was begun
    asked = slurm.calls("sacct")
    assert [problem.reason for problem in project.survey.status.problems] == before
    assert project.run() == 0
    assert slurm.calls("sacct") == asked
    slurm.set(103, "CANCELLED")
    project.run()
    asked = len(slurm.calls("squeue"))
    slurm.answer("squeue", status=1)  # what is known needs no answer
    assert project.counts["unknown"] == 2


def test_squeue_that_hangs_is_asked_once(project, slurm, monkeypatch, capsys):
    monkeypatch.setattr(jor_slurm.commands, "ASK_TIMEOUT", 0.5)
    slurm.answer("squeue", seconds=60)
    before = len(slurm.calls("squeue"))
    assert project.run() == LATER
    assert len(slurm.calls("squeue")) == before + 1
    assert "squeue gave no answer within" in capsys.readouterr().err
    assert project.is_unharmed


def test_sacct_that_hangs_is_asked_once_by_a_command(project, slurm, monkeypatch):
    monkeypatch.setattr(jor_slurm.commands, "ASK_TIMEOUT", 0.5)
    slurm.answer("sacct", seconds=60)
    slurm.set(101, "FAILED")
    before = len(slurm.calls("sacct"))
    workspace = project.workspace
    for _ in range(2):
        (found,) = workspace.survey(workspace.entries())
        again([found], time.time(), workspace.cluster.view)
    assert len(slurm.calls("sacct")) == before + 1
