"""A report as one HTML file that needs nothing else: text and tables, and charts that a script draws from data."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any

from jor.planning.status import Status, summed
from jor_slurm import format_memory, format_time

from .. import __version__
from ..analysis.advice import FEWEST, Found, memory_for, time_for
from ..analysis.failures import Cause, last_lines
from ..analysis.report import Report
from ..formatting import jobs_of, told_indices, told_memory, told_parameters, told_seconds, told_states
from .advice import advice_rows, conclusion
from .report_data import figures
from .status import WORST_FIRST, Changes, notes

#: Causes that are told, and of each the entries, and their jobs, that are named; the others are counted.
MOST_CAUSES = 20
MOST_LABELS = 5
MOST_RANGES = 20
#: Entries that a table shows at once; more are folded.
MOST_ROWS = 12


def as_html(report: Report, changes: Changes, title: str) -> str:
    """Return the report as a page that opens without a network; `title` stands above it."""
    from plotly.offline import get_plotlyjs  # 70 ms, and paid by this command alone

    library, script = get_plotlyjs(), _part("report.js")
    written = datetime.fromtimestamp(report.now).astimezone()
    parts = {
        "title": escape(title),
        "version": escape(__version__),
        "written": escape(f"{written:%Y-%m-%d %H:%M %Z}, jor {__version__}, {os.getcwd()}"),
        "style": _part("report.css"),
        "progress": "\n".join(_progress(report.entries, changes)),
        "failures": "\n".join(_failures(report.causes)),
        "usage": "\n".join(_usage(report.entries)),
        "left_out": escape(f"{report.left_out:,} more job modules have no charts. " if report.left_out else ""),
        "data": _embedded(figures(report, written)),
        "library": library,
        "script": script,
        # No script runs but these two, whatever a name or an error says.
        "hashes": " ".join(map(_hash, (library, script))),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _part("report.html"))


def _part(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _embedded(data: Any) -> str:
    """Return data as JSON that cannot end the element in which it stands, nor be taken for markup."""
    text = json.dumps(data, separators=(",", ":"))  # in ASCII: U+2028 and its like are escaped as well
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _progress(entries: Sequence[Found], changes: Changes) -> Iterator[str]:
    counts = summed(one.survey.status.counts for one in entries)
    total = sum(counts.values())
    done = counts[Status.DONE]
    if not total:
        yield "<p class='headline'>There are no jobs.</p>"
        return
    part = f"{100 * done // total} %"
    yield f"<p class='headline'><b>{part}</b> done: {done:,} of {jobs_of(total)}</p>"
    yield _bar(counts)
    yield "<ul class='legend'>"
    for status in Status:
        if counts[status]:
            yield f"<li><span class='swatch {status.value}'></span>{counts[status]:,} {status.value}</li>"
    yield "</ul>"
    shown = [status for status in Status if counts[status]]
    ordered = sorted(entries, key=lambda one: [-one.survey.status.counts[status] for status in WORST_FIRST])
    rows = [
        [escape(one.survey.entry.label), _bar(one.survey.status.counts)]
        + [f"{one.survey.status.counts[status]:,}" for status in shown]
        + [f"{one.survey.status.total:,}"]
        for one in ordered
    ]
    yield _table(["entry", "", *(status.value for status in shown), "total"], rows)
    told = dict.fromkeys(note for one in entries for note in notes(one.survey, changes))
    yield from (f"<p>{escape(note)}</p>" for note in told)


def _bar(counts: Mapping[Status, int]) -> str:
    total = sum(counts.values())
    pieces = (
        f"<span class='{status.value}' style='width:{100 * counts[status] / total:.3f}%'></span>"
        for status in Status
        if counts[status]
    )
    return f"<div class='bar' role='img' aria-label='{told_states(counts) or 'no jobs'}'>{''.join(pieces)}</div>"


def _failures(causes: Sequence[Cause]) -> Iterator[str]:
    if not causes:
        yield "<p>No job has failed.</p>"
    for cause in causes[:MOST_CAUSES]:
        found, example = cause.survey, cause.example
        yield "<article class='cause'>"
        what = f"{jobs_of(cause.count)} {cause.status.value}: {example.reason}"
        yield f"<h3><span class='swatch {cause.status.value}'></span>{escape(what)}</h3>"
        for label, indices in list(cause.jobs.items())[:MOST_LABELS]:
            yield f"<p>{escape(label)}: {told_indices(indices, MOST_RANGES)}</p>"
        if len(cause.jobs) > MOST_LABELS:
            yield f"<p>and {len(cause.jobs) - MOST_LABELS:,} more entries</p>"
        parameters = told_parameters(found.parameters(example.index))
        yield f"<p>For example job {example.index}: <code>{escape(parameters)}</code></p>"
        lines = last_lines(example)
        if lines:
            yield f"<pre>{escape(chr(10).join(lines))}</pre>"
            command = shlex.join(["jor", "logs", found.entry.label, str(example.index)])
            yield f"<p>All of it: <code>{escape(command)}</code></p>"
        yield "</article>"
    if len(causes) > MOST_CAUSES:
        others = sum(cause.count for cause in causes[MOST_CAUSES:])
        yield f"<p>{jobs_of(others)} more, of {len(causes) - MOST_CAUSES:,} causes: jor status --failed tells all.</p>"


def _usage(entries: Sequence[Found]) -> Iterator[str]:
    known = [one for one in entries if one.usage.count]
    if not known:
        yield "<p>No job has ended well yet.</p>"
        return
    for line, names, why in advice_rows(entries):
        yield f"<p><b><code>{escape(line)}</code></b> for {escape(names)}: {escape(why)}</p>"
    yield f"<p class='quiet'>{'<br>'.join(map(escape, conclusion(entries)))}</p>"
    header = ["entry", "jobs", "mem asked", "median", "largest", "enough", "time asked", "median", "longest", "enough"]
    yield _table(header, [_used(one) for one in known])


def _used(one: Found) -> list[str]:
    asked, usage = one.asked, one.usage
    options = {advice.option for advice in one.advice}
    enough = usage.count >= FEWEST
    return [
        escape(one.survey.entry.label),
        f"{usage.count:,}",
        "" if asked.mem is None else format_memory(asked.mem),
        told_memory(usage.median_rss),
        told_memory(usage.largest_rss),
        _advised(format_memory(memory_for(usage)) if enough else "", "mem" in options),
        "" if asked.time is None else format_time(asked.time),
        told_seconds(usage.median_seconds),
        told_seconds(usage.longest_seconds),
        _advised(format_time(time_for(usage)) if enough else "", "time" in options),
    ]


def _advised(text: str, is_advised: bool) -> str:
    return f"<b>{text}</b>" if is_advised else text


def _table(header: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are HTML, the first of each row its heading; what is too long is folded."""
    head = "".join(f"<th scope='col'>{name}</th>" for name in header)
    lines = [
        f"<tr><th scope='row'>{first}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        for first, *cells in rows
    ]
    first, rest = (
        f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>\n{chr(10).join(some)}\n</tbody></table></div>"
        for some in (lines[:MOST_ROWS], lines[MOST_ROWS:])
    )
    if len(lines) <= MOST_ROWS:
        return first
    return f"{first}<details><summary>{len(lines) - MOST_ROWS:,} more entries</summary>{rest}</details>"
