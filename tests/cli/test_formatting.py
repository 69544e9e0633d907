"""Phrases that several answers share."""

from __future__ import annotations

import pytest

from jor_cli.formatting import told_indices, told_memory, told_seconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (0.0052, "0.0052 s"),
        (0.2, "0.2 s"),
        (3.44, "3.4 s"),
        (25.4, "25 s"),
        (59.7, "1 min"),
        (61, "1 min 1 s"),
        (7200, "2 h"),
        (86_399, "23 h 59 min"),
        (248_400, "2 d 21 h"),
    ],
)
def test_durations_are_told_in_the_units_that_matter(seconds: float, told: str) -> None:
    assert told_seconds(seconds) == told


@pytest.mark.parametrize(
    ("amount", "told"),
    [(0, "0K"), (512, "0.5K"), (900 * 2**10, "900K"), (312 * 2**20, "312M"), (3 * 2**29, "1.5G"), (5 * 2**30, "5G")],
)
def test_memory_is_told_in_units_of_slurm(amount: int, told: str) -> None:
    assert told_memory(amount) == told


@pytest.mark.parametrize(
    ("indices", "most", "told"),
    [([], None, ""), ([3], None, "3"), ([0, 1, 2, 7], None, "0-2, 7"), ([0, 1, 2, 7, 9, 10], 1, "0-2 and 3 more")],
)
def test_indices_are_told_as_ranges(indices: list[int], most: int | None, told: str) -> None:
    assert told_indices(indices, most) == told
