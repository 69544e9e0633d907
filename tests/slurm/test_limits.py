"""What a cluster and an account allow -> the sizes of the arrays that are submitted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import LimitError, Limits, RefusedError


@pytest.mark.parametrize(
    ("limits", "tasks", "sizes"),
    [
        # The highest index is MaxArraySize - 1, and the first is 0.
        (Limits(max_array_size=1001), 1001, (1001,)),
        (Limits(max_array_size=1001), 1002, (1001, 1)),
        (Limits(max_array_size=1001), 3000, (1001, 1001, 998)),
        (Limits(max_array_size=1001), 0, ()),
        (Limits(max_array_size=1), 3, (1, 1, 1)),
        (Limits(max_array_size=1001, max_array_tasks=900), 2000, (900, 900, 200)),
        (Limits(max_array_size=1001, max_array_tasks=2000), 2000, (1001, 999)),
        # One less than MaxJobCount: slurmctld wants room for the array itself.
        (Limits(max_array_size=1001, max_job_count=500), 1000, (499, 499, 2)),
        (Limits(max_array_size=1001, max_array_tasks=100, max_job_count=500), 250, (100, 100, 50)),
        (Limits(max_job_count=1), 2, (1, 1)),
        (Limits(max_job_count=0), 2, (1, 1)),
    ],
)
def test_tasks_are_cut_into_arrays_as_large_as_is_allowed(limits, tasks, sizes):
    assert limits.array_sizes(tasks) == sizes


@pytest.mark.parametrize("tasks", [0, 1, 1000])
def test_cluster_that_takes_no_arrays_is_told_as_a_refusal_for_good(tasks):
    with pytest.raises(RefusedError, match="MaxArraySize is 0") as caught:
        Limits(max_array_size=0).array_sizes(tasks)
    assert not isinstance(caught.value, LimitError)
    assert caught.value.remedy


counts = st.integers(1, 3000)


@given(counts, st.none() | counts, counts, counts)
def test_no_task_is_lost_and_no_limit_passed(size, at_most, jobs, tasks):
    sizes = Limits(max_array_size=size, max_array_tasks=at_most, max_job_count=jobs).array_sizes(tasks)
    assert sum(sizes) == tasks
    assert all(1 <= one <= min(size, at_most or size, max(jobs - 1, 1)) for one in sizes)
