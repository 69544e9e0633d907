"""What is asked of Slurm, whose commands are played by small programs: submissions, limits that are met, polls."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from jor import BusyError
from jor.settings.config import read_config
from jor_cli.actions.run import Manner
from jor_cli.actions.wait import _top_up
from jor_cli.schedulers.slurm.scheduler import Backend
from jor_cli.workspace import Workspace

PACKED = {"scheduler": "slurm", "jobs-per-task": 1, "poll-interval": 0.0}
FLAGS = ("--scheduler", "slurm", "--jobs-per-task", "1", "--poll-interval", "0")


@pytest.fixture
def five(example: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project of one entry of five jobs; it is the working directory."""
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: ./jobs_example.py\n  jobargs: n=5\n")
    monkeypatch.chdir(example)
    return example


def submissions(project: Path) -> list[Path]:
    """Return the folders of submissions."""
    return list(project.glob("output/*/.jor/*/runs/*"))


def topped_up(workspace, told):
    """Return what topping up returns for what is pending at the next look."""
    workspace.cluster.refresh()
    (found,) = workspace.survey(workspace.entries())
    return _top_up(workspace, found, Manner(), told)


@pytest.mark.parametrize(
    ("room", "asked", "left"), [(5, [5], 0), (4, [5, 2], 3), (2, [5, 2], 3), (1, [5, 2, 1], 4), (0, [5, 2, 1], 5)]
)
def test_half_as_much_is_submitted_and_so_on_where_a_limit_is_met_that_was_not_known(
    jor, five, slurm, room, asked, left
):
    slurm.take("PENDING", room)
    said = jor("run", *FLAGS)
    assert slurm.sizes == asked
    assert (f"{left} jobs held back: AssocGrpSubmitJobsLimit; " in said) == bool(left)
    assert "held back" not in said.replace(f"{left} jobs held back", "")
    assert len(submissions(five)) == said.count("submitted as Slurm array")


def test_limit_that_was_met_is_tried_with_little_and_then_with_twice_as_much(five, slurm):
    workspace = Workspace.open(PACKED)
    slurm.take("PENDING", 0)
    assert [topped_up(workspace, set()) for _ in range(3)] == [0, 0, 0]
    assert slurm.sizes == [5, 2, 1, 1, 1]
    slurm.take("PENDING", 5)
    assert topped_up(workspace, set()) == 3
    assert slurm.sizes[5:] == [1, 2, 2]


def test_entries_of_one_account_meet_its_limit_once(jor, example, slurm):
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: ./jobs_example.py\n  sweep: {n: [3, 4, 5]}\n")
    slurm.take("PENDING", 0)
    said = jor("run", *FLAGS)
    assert slurm.sizes == [3, 1]
    assert said.count("held back: AssocGrpSubmitJobsLimit") == 3


def test_controller_that_is_full_is_asked_once(jor, five, slurm):
    slurm.refuse("Slurm temporarily unable to accept job, sleeping and retrying")
    said = jor("run", *FLAGS)
    assert slurm.sizes == [5]
    assert "5 jobs held back: Slurm temporarily unable to accept job" in said
    assert submissions(five) == []


def test_jor_killed_while_sbatch_runs_has_asked_once(jor, five, slurm):
    """The request is on the disk before sbatch is asked, so that the next command knows of it."""
    slurm.play("sbatch", "kill -9 $PPID")
    jor("run", *FLAGS)
    assert "a submission is unconfirmed" in jor("status", "--poll-interval", "0")
    assert "left to an unconfirmed submission" in jor("run", *FLAGS)
    assert len(slurm.calls("sbatch")) == 1


def test_lock_is_free_while_sbatch_is_asked_and_others_know_of_all_that_waits(jor, example, slurm):
    """All entries of a folder are planned in one hold, and no other plans their jobs while Slurm is asked for them."""
    text = (example / "jobs_example.py").read_text().replace('f"example{self.n}"', "'one'")
    (example / "jobs_example.py").write_text(text.replace('f"ind{index}', 'f"{self.n}ind{index}'))
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: ./jobs_example.py\n  sweep: {n: [1, 2, 3]}\n")
    again = f"cd {example}; {sys.executable} -m jor_cli run {' '.join(FLAGS)}"
    once = f"[ -e asked ] || {{ touch asked; ({again}) > said 2>&1; }}"
    slurm.play("sbatch", f"cat > /dev/null; {once}; echo 101")
    jor("run", *FLAGS)
    said = Path(slurm.folder, "said").read_text()
    assert said.count("left to an unconfirmed submission") == 3, said
    assert len(slurm.calls("sbatch")) == 3


def test_planner_that_stood_still_too_long_does_not_ask(five, slurm, monkeypatch, capsys):
    clock = iter(range(0, 10**6, 400))
    monkeypatch.setattr("jor_cli.schedulers.slurm.submissions.uptime", lambda: next(clock))
    assert topped_up(Workspace.open(PACKED), set()) == 0
    assert "5 jobs held back: this process stood still" in capsys.readouterr().err
    assert slurm.calls("sbatch") == []
    assert submissions(five) == []


def test_limit_that_ends_a_command_is_75(five, slurm, environment):
    """What was submitted stays; only the job that is to collect was not accepted."""
    words = "Batch job submission failed: Job violates accounting/QOS policy (job submit limit)"
    refusal = f"echo 'sbatch: error: AssocGrpSubmitJobsLimit' >&2; echo 'sbatch: error: {words}' >&2; exit 1"
    slurm.play("sbatch", f'cat > /dev/null; case "$*" in *--job-name=jor-collect*) {refusal};; esac; echo 101')
    command = [sys.executable, "-m", "jor_cli", "run", *FLAGS, "--collect"]
    assert subprocess.run(command, env=environment, timeout=60, capture_output=True).returncode == 75
    assert len(slurm.calls("sbatch")) == 2


def test_topping_up_tells_how_many_arrays_it_has_submitted_and_once_what_holds_the_rest_back(five, slurm, capsys):
    told: set[str] = set()
    workspace = Workspace.open(PACKED)
    slurm.take("PENDING", 2)
    assert topped_up(workspace, told) == 1
    assert topped_up(workspace, told) == 0  # they are held back
    slurm.take("PENDING", 5)
    assert topped_up(workspace, told) == 2
    assert topped_up(workspace, told) is None
    assert capsys.readouterr().err.count("held back") == 1


def test_topping_up_goes_on_where_slurm_gave_no_answer(five, slurm, capsys):
    said = "Unable to contact slurm controller (connect failure)"
    slurm.answer("scontrol", stderr=f"slurm_load_ctl_conf error: {said}", status=1)
    workspace = Workspace.open(PACKED)
    assert [topped_up(workspace, set()) for _ in range(2)] == [0, 0]
    assert said in capsys.readouterr().err


def test_topping_up_gives_up_what_slurm_refuses_for_good(five, slurm, capsys):
    slurm.refuse("invalid partition specified: day")
    told: set[str] = set()
    workspace = Workspace.open(PACKED)
    assert [topped_up(workspace, told) for _ in range(3)] == [0, None, None]
    assert slurm.sizes == [5]
    assert capsys.readouterr().err.count("invalid partition specified") == 1
    assert submissions(five) == []


@pytest.mark.parametrize("where", ["jor.runs.lease.Lease.confirm", "jor.runs.folder_lock.acquire"])
def test_topping_up_leaves_an_entry_to_another_that_is_planning_it(five, slurm, capsys, monkeypatch, where):
    def lose(*_):
        raise BusyError("another is planning", where="lock", remedy="Run again")

    monkeypatch.setattr(where, lose)
    assert topped_up(Workspace.open(PACKED), set()) == 0
    assert "another is planning" in capsys.readouterr().err
    assert slurm.calls("sbatch") == []
    assert submissions(five) == []


def test_what_runs_on_this_machine_is_not_topped_up(five, slurm):
    assert topped_up(Workspace.open({**PACKED, "scheduler": "local"}), set()) is None
    assert slurm.calls("sbatch") == []


def test_run_that_waits_ends_where_tasks_end_before_they_begin_a_job(jor, five, slurm):
    slurm.take("COMPLETED")
    said = jor("run", *FLAGS, "--wait", "--retries", "2", "--quiet")
    assert slurm.sizes == [5, 5, 5]
    assert "last: its task ended before it began a job" in " ".join(said.split())


def test_status_of_two_entries_costs_one_squeue_and_one_sacct(jor, environment, measured, slurm):
    environment["JOR_POLL_INTERVAL"] = "0"  # no answer is kept
    slurm.settings(AccountingStorageType="accounting_storage/slurmdbd")
    for folder in ("example3", "example4"):
        (measured / "output" / folder / "ind0.txt").unlink()
    jor("status")
    assert len(slurm.calls("squeue")) == 1
    (asked,) = slurm.calls("sacct")
    assert " -j 511,512,513,514" in asked
    assert re.search(r"(^| )-S 20\d\d-", asked)


@pytest.mark.parametrize(("site", "user", "pause"), [("120", 0.0, 120.0), ("120", 300.0, 300.0), ("", 0.0, 1.0)])
def test_what_a_site_sets_is_the_least_pause_between_polls(example, monkeypatch, site, user, pause):
    monkeypatch.chdir(example)
    monkeypatch.setenv("JOR_POLL_INTERVAL", site)
    assert Backend(read_config({"poll-interval": user})).pause == pause
