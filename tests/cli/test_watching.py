"""How fast jobs end is measured, and told with the time that is left."""

from __future__ import annotations

import pytest

from jor_cli.watching import SPAN, Pace


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
    assert pace.told(3) == "3 jobs running or queued"


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
    assert pace.told(left) == told
