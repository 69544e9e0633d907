"""How advice is told: what was asked for and used, then lines for jor.cfg or the todo-list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from jor import ConfigError
from jor.planning.planner import Survey
from jor.settings.options import BY_NAME
from jor_slurm import format_memory, format_time

from ..analysis.advice import FEWEST, Advice, Found, advise, asked_of, usage_of
from ..formatting import jobs_of, told_memory, told_seconds
from .tables import table

#: Entries named in one line; the others are counted.
MOST_NAMES = 3
#: Executions and entries that are enough for a hint that there is advice.
SAMPLE, MOST_SAMPLES = 50, 5


def as_text(surveys: Iterable[Survey]) -> str:
    """Return a table of what was asked for and used, a line for each entry, and below it what to write, and why."""
    found = [Found.of(survey, survey.history.executions()) for survey in surveys]
    header = ["entry", "jobs", "mem", "median", "largest", "time", "median", "longest"]
    parts = [table(header, [_row(one) for one in found], right=".rrrrrrr")]
    rows = list(advice_rows(found))
    if rows:
        parts += ["", table(["write", "for", "because"], rows), ""]
    return "\n".join([*parts, *conclusion(found)])


def hint(surveys: Iterable[Survey]) -> list[str]:
    """Return a line that points to this advice, if there is any for `surveys`, of which Slurm runs jobs; [] else.

    It looks at some jobs of some entries: status is to be quick.
    """
    off: dict[str, list[str]] = {}
    for survey in islice(surveys, MOST_SAMPLES):
        batches = survey.history.batches
        usage = usage_of(islice(survey.history.executions(), SAMPLE), survey.status.total)
        try:
            asked = asked_of(survey, batches[0][1])
        except ConfigError as error:  # edited since: no reason not to show what was submitted before
            return [f"Warning: {error}"]
        for one in advise(asked, usage):
            off.setdefault(one.option, []).append(survey.entry.label)
    if not off:
        return []
    names = _names([label for labels in off.values() for label in labels])
    return [f"{', '.join(off)} of {names}: other values would fit better, see jor advise"]


def _row(found: Found) -> list[str]:
    asked, usage = found.asked, found.usage
    mem = "" if asked.mem is None else format_memory(asked.mem)
    time = "" if asked.time is None else format_time(asked.time)
    if not usage.count:
        return [found.survey.entry.label, "0", mem, "", "", time, "", ""]
    memory = [told_memory(usage.median_rss), told_memory(usage.largest_rss)]
    seconds = [told_seconds(usage.median_seconds), told_seconds(usage.longest_seconds)]
    return [found.survey.entry.label, f"{usage.count:,}", mem, *memory, time, *seconds]


def advice_rows(found: Sequence[Found]) -> Iterator[list[str]]:
    """Yield a line for each value that is advised: for which entries, and why, with one of them as the example."""
    groups: dict[tuple[str, str], list[tuple[Found, Advice]]] = {}
    for one in found:
        for advice in one.advice:
            groups.setdefault((advice.option, advice.value), []).append((one, advice))
    for (option, value), group in groups.items():
        one, advice = group[0]
        source = one.survey.config.setting(option).source
        names = "all" if len(group) == len(found) else _names([member.survey.entry.label for member, _ in group])
        yield [f"{option} = {value}", names, f"{advice.why} (set by: {source})"]


def conclusion(found: Sequence[Found]) -> list[str]:
    """Return what follows: where to write what is advised, and what makes it doubtful; or that all is well."""
    return [*_where_to_write(found), *_caveats(found)] or ["What is asked for fits what is used"]


def _where_to_write(found: Sequence[Found]) -> Iterator[str]:
    advised = {advice.option: advice.value for one in found for advice in one.advice}
    if not advised:
        return
    sections: dict[str, list[str]] = {}
    for option in advised:
        sections.setdefault(BY_NAME[option].section, []).append(option)
    told = "; ".join(f"[{section}] {', '.join(options)}" for section, options in sections.items())
    option, value = next(iter(advised.items()))
    yield "Change it where it is set, or add it to jor.cfg for all entries:"
    yield f"  {told}"
    yield f"or to the todo-list, which counts more, for one entry: {option}: {value}"


def _caveats(found: Sequence[Found]) -> Iterator[str]:
    few = [one.survey.entry.label for one in found if one.usage.count < FEWEST]
    if not any(one.has_run for one in found):
        yield "No job has run yet"
    elif few:
        yield f"Fewer than {FEWEST} jobs have ended well of {_names(few)}: too few for advice"
    left = sum(one.survey.status.left for one in found if one.advice)
    if left:
        yield f"{jobs_of(left)} {'is' if left == 1 else 'are'} not done yet, and may need more"


def _names(labels: Sequence[str]) -> str:
    names = list(dict.fromkeys(labels))
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
