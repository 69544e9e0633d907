"""How many jobs used how much, in bins that grow with the amount: milliseconds and days fit one picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from .attempt_table import Attempts, Outcome

#: Bins for each factor of ten: each is an eighth wider than the one before.
PER_DECADE = 20
#: What is less counts as this much.
LEAST = 1e-4


@attrs.frozen
class Distribution:
    """Counts of jobs by bin; bin b holds amounts from 10**(b / PER_DECADE) on."""

    well: Mapping[int, int]
    #: Of those that failed or were interrupted.
    badly: Mapping[int, int]
    #: What was asked for, each once, ascending.
    asked: Sequence[float]
    #: What would be enough for all; None if that is not known.
    enough: float | None = None


def distribution(
    entries: Iterable[Attempts], column: str, asked: Iterable[float | None], enough: Iterable[float]
) -> Distribution:
    """Return the distribution of a column of the newest execution of each job, of those that have ended.

    `asked` is what was asked for, and `enough` what would have been, in some or all entries.
    """
    counts: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    for attempts in entries:
        amounts, outcomes = getattr(attempts, column), attempts.outcome
        for place in attempts.newest:
            if place >= 0 and amounts[place] >= 0:
                counts[outcomes[place] != Outcome.WELL][_bin(amounts[place])] += 1
    return Distribution(*counts, sorted({amount for amount in asked if amount}), max(enough, default=None))


def _bin(amount: float) -> int:
    return math.floor(math.log10(max(amount, LEAST)) * PER_DECADE)
