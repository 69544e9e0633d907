"""How failures are told by the value of a parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from jor import TodoError
from jor.errors import nearest
from jor.planning.planner import Survey
from jor.planning.status import Problem, Shortage

from .tables import table

_KINDS = {Shortage.MEMORY: "out of memory", Shortage.TIME: "out of time"}
#: What jobs are that have no problem.
_FINE = ""


def by_parameter(surveys: Iterable[Survey], name: str) -> str:
    """Return how many jobs of each value of parameter `name` there are, and what became of those that have a problem.

    If none has, return that. Raise TodoError when no job has such a parameter.
    """
    counts: Counter[tuple[str, str]] = Counter()
    names: set[str] = set()
    for found in surveys:
        problems = {problem.index: kind_of(problem) for problem in found.status.problems}
        for index in range(found.status.total):
            parameters = found.parameters(index)
            if name in parameters:
                counts[repr(parameters[name]), problems.get(index, _FINE)] += 1
            else:
                names.update(parameters)
    if not counts:
        remedy = nearest(name, sorted(names)) if names else "List some jobs: there are none"
        raise TodoError(f"no job has a parameter {name!r}", where="--by", remedy=remedy)
    kinds = sorted({kind for _, kind in counts if kind})
    if not kinds:
        return "[jor] No job has failed"
    values = list(dict.fromkeys(value for value, _ in counts))
    rows = [[value, *(f"{counts[value, kind]:,}" for kind in kinds), f"{_total(counts, value):,}"] for value in values]
    text = table([name, *kinds, "jobs"], rows, right="r" * (len(kinds) + 2))
    return "\n".join([text, *_sentences(counts, kinds, name)])


def kind_of(problem: Problem) -> str:
    """Return a short word for what is wrong with a job."""
    return _KINDS[problem.shortage] if problem.shortage else problem.status.value


def _total(counts: Counter[tuple[str, str]], value: str) -> int:
    return sum(count for (one, _), count in counts.items() if one == value)


def _sentences(counts: Counter[tuple[str, str]], kinds: list[str], name: str) -> Iterable[str]:
    for kind in kinds:
        values = {value: count for (value, one), count in counts.items() if one == kind}
        ((value, count),) = values.items() if len(values) == 1 else [("", 0)]
        if count > 1 and len({one for one, _ in counts}) > 1:
            yield f"all {count:,} {kind} have {name}={value}"
