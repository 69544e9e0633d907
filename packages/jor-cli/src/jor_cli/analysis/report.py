"""All that a report shows of a sweep: each entry, what failed, and what was used, when, where, by which parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from jor.planning.planner import Survey

from ..formatting import jobs_of
from .advice import FEWEST, Found, memory_for, time_for
from .attempt_table import Attempts
from .distribution import Distribution, distribution
from .failures import Cause, causes
from .parameter_map import MOST_CELLS, Cells, cells
from .timeline import Timeline, timeline

#: Job modules whose charts are shown, those with the most jobs.
MOST_GROUPS = 20


@attrs.frozen
class Group:
    """The entries of one job module: a sweep."""

    label: str
    seconds: Distribution
    memory: Distribution
    timeline: Timeline
    cells: Cells


@attrs.frozen(eq=False)
class Report:
    """What is known of entries at one time."""

    #: Seconds since the epoch.
    now: float
    #: By job module, those with the most jobs first.
    entries: Sequence[Found]
    causes: Sequence[Cause]
    #: In the same order, and how many are left out.
    groups: Sequence[Group]
    left_out: int


def report(surveys: Iterable[Survey], now: float) -> Report:
    """Return the report of entries; `now` is the time, seconds since the epoch."""
    modules: dict[str, list[Survey]] = {}
    for survey in surveys:
        modules.setdefault(survey.entry.jobmodule, []).append(survey)
    ordered = sorted(modules.values(), key=lambda module: -sum(survey.status.total for survey in module))
    most = MOST_CELLS // max(1, min(len(ordered), MOST_GROUPS))
    entries: list[Found] = []
    groups: list[Group] = []
    for module in ordered:
        attempts = [Attempts(survey.entry.label, survey.status.total) for survey in module]
        found = [
            Found.of(survey, columns.noted(survey.history.executions()))
            for survey, columns in zip(module, attempts, strict=True)
        ]
        if len(groups) < MOST_GROUPS:
            groups.append(_group(found, attempts, most, now))
        entries += found
    wrong = causes((one.survey, problem) for one in entries for problem in one.survey.status.problems)
    return Report(now, entries, wrong, groups, len(ordered) - len(groups))


def _group(found: Sequence[Found], attempts: Sequence[Attempts], most: int, now: float) -> Group:
    first = found[0].survey.entry
    jobs = jobs_of(sum(one.survey.status.total for one in found))
    usages = [one.usage for one in found if one.usage.count >= FEWEST]
    return Group(
        label=f"{first.label}, {jobs}" if len(found) == 1 else f"{first.stem}, {len(found):,} entries, {jobs}",
        seconds=distribution(attempts, "seconds", (one.asked.time for one in found), map(time_for, usages)),
        memory=distribution(attempts, "max_rss", (one.asked.mem for one in found), map(memory_for, usages)),
        timeline=timeline(attempts, now),
        cells=cells([(one.survey, columns) for one, columns in zip(found, attempts, strict=True)], most),
    )
