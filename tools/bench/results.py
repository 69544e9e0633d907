"""What was measured, and the figure made of it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from goals import COMPARISONS, GOALS, Goal


class Measured(NamedTuple):
    """A line of the table as it was measured: in round i, jor's figure is `jor[i]` and the peer's `peer[i]`."""

    key: str
    jor: Sequence[float] = ()
    peer: Sequence[float] = ()
    #: What has to be known to read it; why there is nothing to read.
    note: str = ""

    @property
    def goal(self) -> Goal:
        """The line's place in the table of goals."""
        return GOALS[self.key]

    @property
    def figures(self) -> list[float]:
        """The compared figure of each round."""
        compare = COMPARISONS[self.goal.comparison]
        peer = self.peer if self.goal.peer else self.jor
        return [compare(ours, theirs) for ours, theirs in zip(self.jor, peer)]  # noqa: B905 # slow peers: fewer rounds

    @property
    def figure(self) -> float | None:
        """The median of the rounds; None when nothing could be measured."""
        return median(self.figures) if self.figures else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None when there is none, or nothing was measured."""
        goal, figure = self.goal, self.figure
        if figure is None or (goal.least is None and goal.most is None):
            return None
        return (goal.least is None or figure >= goal.least) and (goal.most is None or figure <= goal.most)
