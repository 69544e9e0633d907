"""How fast jobs end is measured, and told with the time that is left."""

from __future__ import annotations

import pytest

from jor_cli.actions.watch import SPAN, Pace


def test_rate_is_that_of_the_last_two_minutes() -> None:
    pace = Pace()
    for second in range(0, 1000, 10):
        pace.note(second, second * (1 if second < 800 else 2))
    assert pace.rate == pytest.approx(2.0)
    assert 990 - SPAN >= 800


def test_outputs_that_vanish_make_no_negative_rate() -> None:
    pace = Pace()
    pace.note(0, 10)
    pace.note(10, 5)
    assert pace.rate == 0
    assert pace.told([3], 1) == "3 jobs running or queued"


def test_rate_of_jobs_that_seldom_end_is_measured_over_more_than_two_minutes() -> None:
    pace = Pace()
    for minute in range(600):
        pace.note(60 * minute, minute // 30)
    assert pace.rate == pytest.approx(1 / 1800, rel=0.15)


def test_time_left_is_told_by_earlier_jobs_until_some_have_ended() -> None:
    pace = Pace([None, 60.0, 600.0])
    pace.note(0, 5)
    assert pace.told([0, 10, 1], 2) == "11 jobs running or queued, about 10 min left by how long earlier jobs took"
    assert pace.told([1, 10, 1], 2) == "12 jobs running or queued"
    assert pace.told([0, 10, 1], 0) == "11 jobs running or queued"
    pace.note(10, 7)
    assert pace.told([0, 8, 0], 2) == "8 jobs running or queued, 0.2 jobs/s, about 40 s left"


@pytest.mark.parametrize(
    ("ended", "left", "told"),
    [
        (100, 0, "Nothing is running"),
        (0, 1, "1 job running or queued"),
        (20, 50, "50 jobs running or queued, 2.0 jobs/s, about 25 s left"),
        (20, 300, "300 jobs running or queued, 2.0 jobs/s, about 2 min 30 s left"),
        (20, 20_000, "20,000 jobs running or queued, 2.0 jobs/s, about 2 h 46 min left"),
        (20, 500_000, "500,000 jobs running or queued, 2.0 jobs/s, about 2 d 21 h left"),
        (0.5, 5, "5 jobs running or queued, 180 jobs/h, about 1 min 40 s left"),
    ],
)
def test_pace_is_told(ended: float, left: int, told: str) -> None:
    pace = Pace()
    pace.note(0, 0)
    pace.note(10, ended)  # type: ignore[arg-type]
    assert pace.told([left], 2) == told
