"""What three versions of Slurm print, recorded by tools/testbed/record.py, and what is read from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jor_slurm import AccountLimitError, IndexSet, Limits, RefusedError, Snapshot
from jor_slurm.commands import ArrayId
from jor_slurm.parsing import parse_accounting, parse_objects, parse_queue, parse_settings, parse_submission
from jor_slurm.refusals import refusal

RECORDED = Path(__file__).parent.parent / "recorded"
VERSIONS = ["22.05", "24.11", "26.05"]


@pytest.fixture(params=VERSIONS)
def recorded(request):
    """Give a function that returns a recording of one version."""
    return lambda name: (RECORDED / request.param / f"{name}.txt").read_text()


@pytest.fixture
def tasks(recorded):
    """Give a function that returns what is known of a task, by the start of its array's name."""
    queue, accounting = parse_queue(recorded("squeue")), parse_accounting(recorded("sacct"))
    # The name of one of the jobs has two lines; it is held, which accounting does not tell.
    assert (queue.unreadable, accounting.unreadable) == (("lines",), ())
    ids = {record.name: record.array_job_id for record in queue.queue}

    def task(start, index=None, *, past=False):
        (name,) = [name for name in ids if name.startswith(f"jor-{start}")]
        snapshot = Snapshot((), accounting.accounting) if past else Snapshot(queue.queue, accounting.accounting)
        return snapshot.task(ArrayId(ids[name], name), index)

    return task


def test_states_are_read(tasks):
    assert tasks("done", 2).state.succeeded
    assert tasks("plain").state.succeeded
    assert tasks("running", 1).state.running
    assert tasks("pending", 700).state.name == "PENDING"
    assert tasks("pending", 1) is None
    assert tasks("cancelled", 3).state.name == "CANCELLED"
    assert tasks("held").words == "will not begin by itself: it is held (JobHeldUser)"
    assert "no node of the partition has what it asks for" in tasks("stuck").words


def test_reasons_of_failures_are_read(tasks):
    assert "exit status 3" in tasks("failed", 1).words
    assert "signal 9" in tasks("killed").words
    assert tasks("memory").words.startswith("ran out of memory: asked for 50M, used ")
    assert tasks("memory").ran_out_of_memory
    assert tasks("failed", 0, past=True).exit_code.status == 3


def test_pending_indices_are_whole(recorded):
    (pending,) = [row for row in parse_queue(recorded("squeue")).queue if row.name.startswith("jor-pending")]
    assert pending.indices == IndexSet.of([*range(0, 401, 3), 700, 702])


def test_users_times_and_names_are_read(recorded):
    queue, accounting = parse_queue(recorded("squeue")).queue, parse_accounting(recorded("sacct")).accounting
    assert {"sys/dashboard/sys/a b|\u00e4", "two"} <= {row.name for row in queue}
    parts = [row for row in queue if row.name.startswith("jor-parts")]
    assert sorted((row.component, row.job_id - row.array_job_id) for row in parts) == [(0, 0), (1, 1)]
    for rows in (queue, accounting):
        assert {row.user for row in rows} == {0}
        assert all(row.submitted > 1_790_000_000 for row in rows)
        assert all(0 <= row.end - row.start < 10 for row in rows if row.state.name == "COMPLETED")


def test_limits_are_read(recorded):
    limits = Limits.of(parse_settings(recorded("config")), parse_objects(recorded("partitions")))
    assert limits.version[:2] in ("22", "24", "26")
    assert limits.cluster == "testbed"
    assert (limits.max_array_size, limits.max_array_tasks, limits.max_job_count) == (1001, 900, 20000)
    assert limits.min_job_age == 300
    assert limits.has_accounting
    assert limits.default_partition == "day"
    assert limits.partitions == {"day": 86_400, "killme": 86_400, "high": 604_800}
    assert limits.array_sizes(2000) == (900, 900, 200)


def test_job_id_is_read(recorded):
    assert parse_submission(recorded("sbatch"))[0] > 0


@pytest.mark.parametrize(
    ("name", "kind", "remedy"),
    [
        ("partition", RefusedError, "sinfo"),
        ("memory", RefusedError, "less memory"),
        ("qos", RefusedError, "sacctmgr"),
        ("array", RefusedError, "MaxArraySize"),
        ("time", RefusedError, ""),
        ("limit", AccountLimitError, "later"),
    ],
)
def test_refusals_are_told_apart(recorded, name, kind, remedy):
    error = refusal(1, recorded(f"refused-{name}"))
    assert type(error) is kind
    assert remedy in error.remedy
