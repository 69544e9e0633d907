"""What is asked of Slurm, whose commands are played by small programs: submissions, limits that are met, polls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jor.config import read_config
from jor.plan import survey
from jor.todo import read_todo
from jor_cli.backends.slurm import Backend
from jor_cli.launch import Manner
from jor_cli.waiting import _top_up

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


def topped_up(slurm, told, **options):
    """Return what topping up returns for what is pending now."""
    config = read_config({**PACKED, **options})
    backend = Backend(config)
    (found,) = survey(read_todo("todo.yaml"), config, backend.view)
    return _top_up(found, Manner(), backend, told)


@pytest.mark.parametrize(
    ("room", "asked", "left"), [(5, [5], 0), (4, [5, 2, 1], 2), (3, [5, 2, 1], 2), (1, [5, 2, 1], 4), (0, [5, 2, 1], 5)]
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


def test_controller_that_is_full_is_asked_once(jor, five, slurm):
    slurm.refuse("Slurm temporarily unable to accept job, sleeping and retrying")
    said = jor("run", *FLAGS)
    assert slurm.sizes == [5]
    assert "5 jobs held back: Slurm temporarily unable to accept job" in said
    assert submissions(five) == []


def test_topping_up_tells_how_many_arrays_it_has_submitted_and_once_what_holds_the_rest_back(five, slurm, capsys):
    told: set[str] = set()
    slurm.take("PENDING", 3)
    assert topped_up(slurm, told) == 2
    assert topped_up(slurm, told) == 0  # they wait for room
    slurm.take("PENDING", 5)
    assert topped_up(slurm, told) == 1
    assert topped_up(slurm, told) is None
    assert capsys.readouterr().err.count("wait for room") == 1


@pytest.mark.parametrize(
    ("command", "said", "arrays"),
    [
        ("scontrol", "slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)", 0),
        ("sbatch", "sbatch: error: invalid partition specified: day", None),
    ],
)
def test_topping_up_goes_on_where_slurm_gave_no_answer_and_not_where_it_refused(
    five, slurm, capsys, command, said, arrays
):
    slurm.play(command, f"cat > /dev/null; echo '{said}' >&2; exit 1")
    assert topped_up(slurm, set()) == arrays
    assert said.partition("error: ")[2] in capsys.readouterr().err
    assert submissions(five) == []


def test_what_runs_on_this_machine_is_not_topped_up(five, slurm):
    assert topped_up(slurm, set(), scheduler="local") is None
    assert slurm.calls("sbatch") == []


def test_run_that_waits_ends_where_tasks_end_before_they_begin_a_job(jor, five, slurm):
    slurm.take("COMPLETED")
    said = jor("run", *FLAGS, "--wait", "--retries", "2", "--quiet")
    assert slurm.sizes == [5, 5, 5]
    assert "last: its task ended before it began a job" in " ".join(said.split())


def test_status_of_two_entries_costs_one_squeue_and_one_sacct(jor, environment, measured, slurm):
    environment["JOR_POLL_INTERVAL"] = "0"  # no answer is kept
    slurm.play("scontrol", "echo 'AccountingStorageType = accounting_storage/slurmdbd'")
    for folder in ("example3", "example4"):
        (measured / "output" / folder / "ind0.txt").unlink()
    jor("status")
    assert len(slurm.calls("squeue")) == 1
    (asked,) = slurm.calls("sacct")
    assert " -j 511,512,513,514 " in asked
    assert re.search(r"(^| )-S 20\d\d-", asked)


@pytest.mark.parametrize(("site", "user", "interval"), [("120", 0.0, 120.0), ("120", 300.0, 300.0), ("", 0.0, 0.0)])
def test_what_a_site_sets_is_the_least_interval_between_polls(example, monkeypatch, site, user, interval):
    monkeypatch.chdir(example)
    monkeypatch.setenv("JOR_POLL_INTERVAL", site)
    assert Backend(read_config({"poll-interval": user})).poll_interval == interval
