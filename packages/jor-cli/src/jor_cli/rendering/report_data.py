"""The data of a report's charts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jor.planning.status import Status

from ..analysis.distribution import Distribution
from ..analysis.parameter_map import STATES, Cells
from ..analysis.report import Group, Report
from ..analysis.timeline import Timeline
from .status import WORST_FIRST


def figures(report: Report, written: datetime) -> dict[str, Any]:
    """Return what page/report.js draws, as plain data: few numbers, in the order in which it takes them."""
    offset = written.utcoffset()
    return {
        "states": [status.value for status in STATES],
        "worst": [STATES.index(status) for status in (*WORST_FIRST, Status.DONE)],
        "offset": offset.total_seconds() if offset else 0,
        "groups": [_group(group) for group in report.groups],
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "label": group.label,
        "memory": _distribution(group.memory),
        "seconds": _distribution(group.seconds),
        "timeline": _timeline(group.timeline),
        "map": _map(group.cells),
    }


def _distribution(found: Distribution) -> dict[str, Any]:
    bins = sorted({*found.well, *found.badly})
    return {
        "bins": bins,
        "well": [found.well.get(one, 0) for one in bins],
        "badly": [found.badly.get(one, 0) for one in bins],
        "asked": list(found.asked),
        "enough": found.enough,
    }


def _timeline(found: Timeline) -> dict[str, Any]:
    hosts = {host.name: place for place, host in enumerate(found.hosts)}
    labels = {bar.label: None for bar in found.bars}
    places = {label: place for place, label in enumerate(labels)}
    return {
        "first": found.first,
        "last": found.last,
        "hosts": [[host.name, host.jobs, host.badly, round(host.busy, 3)] for host in found.hosts],
        "unit": found.unit,
        "labels": list(labels),
        "bars": [
            [
                hosts[bar.host],
                bar.row,
                round(bar.first - found.first, 3),
                round(bar.last - bar.first, 3),
                int(bar.outcome),
                places[bar.label],
                bar.number,
                bar.jobs,
            ]
            for bar in found.bars
        ],
        "running": [[round(count, 2) for count in row] for row in found.running],
        "submissions": [[round(first, 3), round(last, 3)] for first, last in found.submissions],
    }


def _map(found: Cells) -> dict[str, Any]:
    return {
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in found.axes],
        "pairs": [
            {
                "x": pair.x,
                "y": pair.y,
                "states": {STATES.index(status): list(counts) for status, counts in pair.states.items()},
                "ended": list(pair.ended),
                "seconds": [float(f"{seconds:.4g}") for seconds in pair.seconds],
                "memory": [-(-amount // 2**20) for amount in pair.max_rss],
            }
            for pair in found.pairs
        ],
    }
