"""The table, for a terminal, for a README, and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from results import Measured

HEADINGS = ("what", "jor", "held against", "its", "figure (spread)", "reach", "met")


def as_text(measured: Sequence[Measured], facts: dict[str, str]) -> str:
    """Return the table in columns, then where it was measured, then the notes."""
    rows = [HEADINGS, *map(_cells, measured)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", *_notes(measured), "", ", ".join(f"{name} {fact}" for name, fact in facts.items())])


def as_markdown(measured: Sequence[Measured], facts: dict[str, str]) -> str:
    """Return the same in Markdown."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(_cells, measured)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    where = [f"- {name}: {fact}" for name, fact in facts.items()]
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(measured)), "", *where, ""])


def save(measured: Sequence[Measured], facts: dict[str, str], folder: Path) -> None:
    """Write bench.json and bench.md into `folder`."""
    lines = [
        {**line.goal._asdict(), **line._asdict(), "figures": line.figures, "met": line.is_met} for line in measured
    ]
    for line, key in zip(lines, measured, strict=True):
        line["peer_name"] = key.goal.peer
    content = {"facts": facts, "lines": lines}
    (folder / "bench.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "bench.md").write_text(as_markdown(measured, facts))


def _cells(line: Measured) -> tuple[str, ...]:
    goal, figure = line.goal, line.figure
    if figure is None:
        return (goal.what, "-", goal.peer, "-", "-", _reach(line), line.note)
    factor = "x" if goal.peer else ""
    spread = f"{_short(figure)}{factor} ({_short(min(line.figures))} to {_short(max(line.figures))})"
    met = {True: "yes", False: "NO", None: ""}[line.is_met]
    theirs = f"{_short(median(line.peer))} {goal.unit}" if goal.peer else ""
    return (goal.what, f"{_short(median(line.jor))} {goal.unit}", goal.peer, theirs, spread, _reach(line), met)


def _reach(line: Measured) -> str:
    goal = line.goal
    factor = "x" if goal.peer else f" {goal.unit}"
    if goal.least is not None:
        return f">= {goal.least:g}{factor}"
    return f"<= {goal.most:g}{factor}" if goal.most is not None else ""


def _notes(measured: Sequence[Measured]) -> list[str]:
    notes = [
        f"{line.goal.what} against {line.goal.peer}: {line.note}" for line in measured if line.goal.peer and line.note
    ]
    return notes + [f"{line.goal.what}: {line.note}" for line in measured if not line.goal.peer and line.note]


def _short(value: float) -> str:
    """Return three significant digits, whole numbers above a hundred."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
