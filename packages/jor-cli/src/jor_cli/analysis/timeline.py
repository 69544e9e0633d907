"""When jobs ran on which hosts: bars as long as they can be told apart, else how many ran at once."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from .attempt_table import Attempts, Outcome

#: More bars, or more rows of them, than this are not drawn.
MOST_BARS = 1500
MOST_ROWS = 120
#: Hosts that are told one by one (of more there are no bars), and intervals of the time where there are none.
MOST_HOSTS = 60
INTERVALS = 200
#: Submissions whose time can be chosen.
MOST_SUBMISSIONS = 30


@attrs.frozen
class Bar:
    """A job, or all jobs of a worker or array task."""

    host: str
    #: Seconds since the epoch.
    first: float
    last: float
    outcome: Outcome
    #: The label of the entry, the index of the job or number of the task, and how many jobs these are.
    label: str
    number: int
    jobs: int
    #: Folder of the submission.
    submission: str
    #: Which of the rows of its host: those of one row do not overlap.
    row: int = 0


@attrs.frozen
class Host:
    """What a host has done."""

    name: str
    #: Executions of jobs, and those of them that did not end well.
    jobs: int
    badly: int
    #: Seconds of all of them together.
    busy: float


@attrs.frozen
class Timeline:
    """All executions of a group of entries of which the beginning is known."""

    #: Seconds since the epoch.
    first: float = 0.0
    last: float = 0.0
    hosts: Sequence[Host] = ()
    #: What a bar is, "job" or "task"; "" where there would be too many.
    unit: str = ""
    bars: Sequence[Bar] = ()
    #: Where there are no bars: for each host, for each interval, the mean number of jobs that ran.
    running: Sequence[Sequence[float]] = ()
    #: First and last second of each submission, the newest first.
    submissions: Sequence[tuple[float, float]] = ()


def timeline(entries: Sequence[Attempts], now: float) -> Timeline:
    """Return the timeline of entries; what has not ended is drawn to `now`, seconds since the epoch."""
    tasks = [bar for attempts in entries for bar in _tasks(attempts, now)]
    if not tasks:
        return Timeline()
    first, last = min(bar.first for bar in tasks), max(bar.last for bar in tasks)
    hosts, places = _hosts(entries)
    found = Timeline(first, last, hosts, submissions=_submissions(tasks))
    for unit, count in (("job", sum(map(len, entries))), ("task", len(tasks))):
        if count <= MOST_BARS and len(places) <= MOST_HOSTS:
            bars = _rows(tasks if unit == "task" else (bar for attempts in entries for bar in _jobs(attempts, now)))
            if len({(bar.host, bar.row) for bar in bars}) <= MOST_ROWS:
                return attrs.evolve(found, unit=unit, bars=bars)
    return attrs.evolve(found, running=_running(entries, places, len(hosts), now, first, last))


def _spans(attempts: Attempts, now: float) -> Iterator[tuple[int, float, float]]:
    """Yield the place, the first and the last second of each execution whose beginning is known."""
    columns = zip(attempts.started, attempts.seconds, strict=True)
    for place, (started, seconds) in enumerate(columns):
        if started > 0:
            yield place, started, started + seconds if seconds >= 0 else max(now, started)


def _jobs(attempts: Attempts, now: float) -> Iterator[Bar]:
    for k, first, last in _spans(attempts, now):
        host, submission = attempts.hosts[attempts.host[k]], attempts.tasks[attempts.task[k]][0]
        yield Bar(host, first, last, Outcome(attempts.outcome[k]), attempts.label, attempts.index[k], 1, submission)


def _tasks(attempts: Attempts, now: float) -> Iterator[Bar]:
    firsts: dict[int, float] = {}
    lasts: dict[int, float] = {}
    hosts: dict[int, int] = {}
    worst: dict[int, int] = {}
    jobs: Counter[int] = Counter()
    for k, first, last in _spans(attempts, now):
        task = attempts.task[k]
        jobs[task] += 1
        if jobs[task] == 1:
            firsts[task], lasts[task], hosts[task], worst[task] = first, last, attempts.host[k], attempts.outcome[k]
            continue
        if first < firsts[task]:
            firsts[task] = first
        if last > lasts[task]:
            lasts[task] = last
        if attempts.outcome[k] > worst[task]:
            worst[task] = attempts.outcome[k]
    for task, count in jobs.items():
        folder, number, _ = attempts.tasks[task]
        host, outcome = attempts.hosts[hosts[task]], Outcome(worst[task])
        yield Bar(host, firsts[task], lasts[task], outcome, attempts.label, number, count, folder)


def _rows(bars: Iterable[Bar]) -> list[Bar]:
    """Return bars, the earliest first, each in the first row of its host that is free by then."""
    ends: dict[str, list[tuple[float, int]]] = {}
    free: dict[str, list[int]] = {}
    placed = []
    for bar in sorted(bars, key=lambda bar: (bar.first, bar.last)):
        taken, spare = ends.setdefault(bar.host, []), free.setdefault(bar.host, [])
        while taken and taken[0][0] <= bar.first:
            heapq.heappush(spare, heapq.heappop(taken)[1])
        row = heapq.heappop(spare) if spare else len(taken)
        heapq.heappush(taken, (bar.last, row))
        placed.append(attrs.evolve(bar, row=row))
    return placed


def _hosts(entries: Iterable[Attempts]) -> tuple[list[Host], dict[str, int]]:
    """Return the hosts by name, those least at work as one if they are many, and where in the list each host is."""
    jobs: Counter[str] = Counter()
    badly: Counter[str] = Counter()
    busy: Counter[str] = Counter()
    for attempts in entries:
        counts = Counter(zip(attempts.host, attempts.outcome, strict=True))
        for (host, outcome), count in counts.items():
            jobs[attempts.hosts[host]] += count
            badly[attempts.hosts[host]] += count if outcome in (Outcome.FAILED, Outcome.INTERRUPTED) else 0
        seconds = [0.0] * len(attempts.hosts)
        for host, spent in zip(attempts.host, attempts.seconds, strict=True):
            seconds[host] += max(spent, 0.0)
        for name, spent in zip(attempts.hosts, seconds, strict=True):
            busy[name] += spent  # type: ignore[assignment] # a Counter counts seconds as well
    most = [name for name, _ in jobs.most_common()]
    kept, others = sorted(most[:MOST_HOSTS]), most[MOST_HOSTS:]
    hosts = [Host(name, jobs[name], badly[name], busy[name]) for name in kept]
    if others:
        sums = [sum(counts[name] for name in others) for counts in (jobs, badly, busy)]
        hosts.append(Host(f"{len(others):,} others", *sums))
    return hosts, {**{name: k for k, name in enumerate(kept)}, **dict.fromkeys(others, len(kept))}


def _running(
    entries: Iterable[Attempts], places: Mapping[str, int], hosts: int, now: float, first: float, last: float
) -> list[list[float]]:
    """Return how many jobs ran on each host, the mean of each interval, and of the hosts that are told as one."""
    width = (last - first or 1.0) / INTERVALS
    members = Counter(places.values())
    spent = [[0.0] * INTERVALS for _ in range(hosts)]
    for attempts in entries:
        rows = [spent[places[name]] for name in attempts.hosts]
        for k, start, end in _spans(attempts, now):
            row = rows[attempts.host[k]]
            begin, finish = (start - first) / width, (end - first) / width
            place, final = min(int(begin), INTERVALS - 1), min(int(finish), INTERVALS - 1)
            if place == final:
                row[place] += finish - begin
                continue
            row[place] += place + 1 - begin
            row[final] += finish - final
            for between in range(place + 1, final):
                row[between] += 1.0
    return [[jobs / members[place] for jobs in row] for place, row in enumerate(spent)]


def _submissions(tasks: Iterable[Bar]) -> list[tuple[float, float]]:
    spans: dict[str, tuple[float, float]] = {}
    for bar in tasks:
        first, last = spans.get(bar.submission, (bar.first, bar.last))
        spans[bar.submission] = (min(first, bar.first), max(last, bar.last))
    return sorted(spans.values(), reverse=True)[:MOST_SUBMISSIONS]
