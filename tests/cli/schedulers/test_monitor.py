"""Who carries out a submission, as far as Slurm's answers tell."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from jor.planning.status import Phase
from jor.runs.submission import user_name
from jor.runtime.run_folder import Run
from jor_cli.schedulers import request_log
from jor_cli.schedulers.slurm.missing import Missing
from jor_cli.schedulers.slurm.monitor import LOST_AFTER, Inquiry
from jor_cli.schedulers.slurm.task_states import SHOWN_WITHIN
from jor_slurm import ArrayId, CommandError, IndexSet, JobState, Limits, Queue, Task
from jor_slurm.parsing import parse_queue

NAME = "jor-a-token"
ROW = f"7|0-1|7_[0-1]|9|PENDING||N/A|N/A|1780000000|0|Priority|{NAME}\n"


class Cluster:
    """Slurm's commands with given answers."""

    def __init__(self, rows="", later=0.0, error=""):
        self.rows, self.later, self.error = rows, later, error

    def queue(self, _job_ids=()):
        if self.error:
            raise CommandError(self.error)
        reading = parse_queue(self.rows)
        return Queue(reading.queue, time.time() + self.later, reading.unreadable)

    def cluster_name(self):
        return "alpha"

    def limits(self):
        return Limits()


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """Give a submission of two tasks that Slurm has accepted as array 7."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = Run(str(tmp_path))
    request_log.asked(run)
    request_log.accepted(run, ArrayId(7, NAME))
    made = SimpleNamespace(name=NAME, mem=None, workers_per_task=1, time_limit=3600)
    return run, SimpleNamespace(batch=made, label="a", tasks=2, user=user_name(), cluster="alpha")


def carrier(batch, **answers):
    (found,) = Inquiry(Cluster(**answers))([batch])
    return found


def test_tasks_in_the_queue_wait(batch):
    found = carrier(batch, rows=ROW)
    assert (found.name, found.is_active, found.state_of(1).phase) == ("Slurm array 7", True, Phase.WAITING)


def test_array_that_the_queue_does_not_show_is_lost_after_two_answers_ten_minutes_apart(batch):
    assert carrier(batch).state_of(0).phase is Phase.WAITING
    for later, phase in ((SHOWN_WITHIN + 1, Phase.UNKNOWN), (SHOWN_WITHIN + LOST_AFTER, Phase.UNKNOWN)):
        found = carrier(batch, later=later)
        assert (found.is_active, found.state_of(0).phase, found.doubtful) == (True, phase, [0, 1])
    found = carrier(batch, later=SHOWN_WITHIN + LOST_AFTER + 2)
    assert (found.is_active, found.state_of(0).phase) == (False, Phase.OVER)
    assert found.state_of(0).may_live


def test_task_that_is_shown_meanwhile_is_not_lost(batch):
    for rows, later in (("", 61), (ROW, 300), ("", 70 + LOST_AFTER)):
        found = carrier(batch, rows=rows, later=later)
    assert found.state_of(0).phase is Phase.UNKNOWN


@pytest.mark.parametrize(
    ("state", "may_live"),
    [
        ("NODE_FAIL", True),
        ("BOOT_FAIL", True),
        ("CANCELLED", True),
        ("TIMEOUT", True),
        ("FAILED", False),
        ("OUT_OF_MEMORY", False),
    ],
)
def test_process_may_live_where_slurm_has_not_seen_its_end(batch, state, may_live):
    assert carrier(batch, rows=ROW.replace("PENDING", state)).state_of(0).may_live is may_live


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"error": "squeue: no answer"}, "Slurm does not answer (squeue: no answer)"),
        ({"rows": ROW.replace("0-1", "0-1...")}, "a row of squeue cannot be read"),
        ({"rows": f"something new|{NAME}\n"}, "a row of squeue cannot be read"),
    ],
)
def test_state_that_slurm_did_not_tell_is_unknown_and_never_the_end(batch, answers, why):
    found = carrier(batch, later=SHOWN_WITHIN + 1, **answers)
    assert found.is_active
    assert found.state_of(0).phase is Phase.UNKNOWN
    assert found.state_of(0).doubt == why


def test_row_of_another_job_that_cannot_be_read_does_not_matter(batch):
    assert carrier(batch, rows=ROW + "7|x|another job\n").notes == ()


def test_state_of_a_future_slurm_is_told_and_active(batch):
    found = carrier(batch, rows=ROW.replace("PENDING", "TELEPORTING-2"))
    assert found.is_active
    assert found.state_of(0).phase is not Phase.OVER


@pytest.mark.parametrize(("age", "phase"), [(0, Phase.AT_WORK), (3600, Phase.OVER)])
def test_array_that_was_over_may_be_requeued_for_a_while(batch, age, phase, monkeypatch):
    """An administrator may do so as long as Slurm knows the job; later it is not asked for."""
    request_log.ended(batch[0], [(IndexSet.of([0, 1]), Task(JobState.of("FAILED")))])
    then = time.time() + age
    monkeypatch.setattr("jor_cli.schedulers.slurm.task_states.time.time", lambda: then)
    assert carrier(batch, rows=ROW.replace("PENDING", "RUNNING")).state_of(0).phase is phase


@pytest.mark.parametrize(
    "odd",
    ['"ended", "tasks": [{"tasks": "zz", "state": "FAILED"}]', '"accepted", "job_id": 8, "name": "x", "time": 1e400'],
)
def test_odd_line_of_the_log_of_requests_is_passed_over(batch, odd):
    before = request_log.read(batch[0])
    with open(f"{batch[0].folder}/scheduler.jsonl", "a") as file:
        file.write('{"time": 1, "kind": ' + odd + "}\n")
    assert request_log.read(batch[0]) == before


def test_planner_and_view_count_a_task_as_lost_at_the_same_time(batch):
    """Else a command that waits sees that it is lost, and does not submit it again."""
    cluster, missing = Cluster(rows=ROW), Missing()
    planner, view = Inquiry(cluster, missing), Inquiry(cluster, missing)
    assert planner([batch])[0].state_of(0).phase is Phase.WAITING
    cluster.rows, cluster.later = "", SHOWN_WITHIN + 1
    assert view([batch])[0].state_of(0).phase is Phase.UNKNOWN
    cluster.later += LOST_AFTER
    planner.refresh()
    assert planner([batch])[0].state_of(0).phase is Phase.OVER
