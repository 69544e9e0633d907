"""Which nodes are avoided: those on which tasks die at once, unless it is not their fault."""

from __future__ import annotations

import pytest

from jor_cli.schedulers.slurm.bad_nodes import Nodes
from jor_slurm import ArrayId, IndexSet, JobState, Task

ARRAY = ArrayId(7, "jor-a")
BEGAN = 1_780_000_000


def task(state, node, seconds=5):
    return Task(JobState.of(state), "", node, BEGAN, BEGAN + seconds)


def seen(*tasks, finished=()):
    nodes = Nodes()
    nodes.see(ARRAY, [(IndexSet.of([k]), one) for k, one in enumerate(tasks)], lambda: frozenset(finished))
    return nodes


def test_node_on_which_three_tasks_die_at_once_is_named_and_avoided():
    nodes = seen(*[task("FAILED", "n1")] * 3, task("COMPLETED", "n2"))
    assert nodes.bad(2) == ("n1",)
    assert nodes.notes(ARRAY) == ["node n1: 3 tasks died there within a minute of their start"]
    assert nodes.notes(ArrayId(8, "jor-a")) == []


def test_node_that_swallows_all_tasks_is_avoided():
    assert seen(*[task("FAILED", "n1")] * 9).bad(2) == ("n1",)


@pytest.mark.parametrize(
    "tasks",
    [
        [task("FAILED", "n1")] * 2,
        [task("FAILED", "n1", 61)] * 3,
        [task("CANCELLED", "n1")] * 3,
        [task("TIMEOUT", "n1")] * 3,
        [task("OUT_OF_MEMORY", "n1")] * 3,
        [*[task("FAILED", "n1")] * 3, task("COMPLETED", "n1")],
        [task("FAILED", "n[1-2]")] * 3,
        [task("FAILED", "")] * 3,
        [task("PENDING", "n1")] * 3,
        [Task(JobState.of("FAILED"), "", "n1")] * 3,
    ],
    ids=str,
)
def test_node_is_not_avoided_for(tasks):
    nodes = seen(*tasks)
    assert nodes.bad(9) == ()
    assert nodes.deaths == {}


def test_tasks_whose_jobs_failed_have_not_died():
    assert seen(*[task("FAILED", "n1")] * 3, finished=[0, 1, 2]).bad(2) == ()


def test_tasks_that_die_everywhere_are_not_the_fault_of_the_nodes():
    everywhere = [task("FAILED", f"n{k % 2}") for k in range(8)]
    assert seen(*everywhere).bad(9) == ()
    assert seen(*everywhere, task("COMPLETED", "n5")).bad(9) == ("n0", "n1")


def test_loss_of_a_node_after_a_while_does_not_speak_for_it():
    nodes = seen(*[task("FAILED", "n1")] * 3, task("NODE_FAIL", "n1", 500))
    assert nodes.bad(2) == ("n1",)


def test_partition_is_not_left_without_nodes():
    assert seen(*[task("FAILED", "n1")] * 3).bad(1) == ()


def test_journals_are_not_read_where_nothing_died():
    Nodes().see(ARRAY, [(IndexSet.of([0]), task("COMPLETED", "n1"))], lambda: pytest.fail("asked"))


def test_deaths_are_remembered_when_slurm_forgets_them_and_counted_once():
    nodes = Nodes()
    for _ in range(3):
        nodes.see(ARRAY, [(IndexSet.of([0]), task("FAILED", "n1"))], frozenset)
    assert nodes.deaths == {}
    nodes.see(ARRAY, [(IndexSet.of([k]), task("FAILED", "n1")) for k in (1, 2)], frozenset)
    assert nodes.bad(2) == ("n1",)
