"""How many short jobs an array task runs one after the other."""

from __future__ import annotations

import pytest

from jor_cli.schedulers.slurm.sbatch_request import rounds_of


@pytest.mark.parametrize(
    ("mean", "count", "rounds"),
    [
        (10, 1_000_000, 180),  # half an hour each
        (10, 1000, 50),  # twenty tasks of eight minutes: sooner done than in six of half an hour
        (10, 100, 6),  # a minute each, that is more than twenty are needed for
        (10, 3, 6),
        (0.01, 10_000, 6000),
        (0, 10, 60_000),
        (100, 1000, 18),
        (3600, 1000, 1),
        (120, 10, 1),  # nothing is packed that has room at once
    ],
)
def test_tasks_fill_their_time_unless_more_of_them_are_sooner_done(mean: float, count: int, rounds: int) -> None:
    assert rounds_of(mean, count, 1800) == rounds


def test_target_below_a_minute_is_kept() -> None:
    assert rounds_of(1, 1000, 20) == 20
