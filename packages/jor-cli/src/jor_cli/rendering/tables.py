"""Plain tables: columns as wide as they need, cut at the terminal's edge."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "", stretch: int = 0) -> str:
    """Return lines of aligned columns under `header`, no wider than the terminal.

    `right` has an 'r' at the place of each column that is aligned right ('..rr'). What is too wide is cut in the
    column `stretch`, with an ellipsis.
    """
    cells = [list(header), *([_one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    surplus = sum(widths) + 2 * (len(widths) - 1) - width()
    widths[stretch] = max(widths[stretch] - max(surplus, 0), min(widths[stretch], 16))
    aligned = right.ljust(len(header), ".")
    return "\n".join(
        "  ".join(_fit(cell, size, side) for cell, size, side in zip(row, widths, aligned, strict=True)).rstrip()
        for row in cells
    )


def width() -> int:
    """Return the width of the terminal, columns; 80 when there is none, and COLUMNS if that is set."""
    return shutil.get_terminal_size((80, 24)).columns


def _fit(cell: str, size: int, side: str) -> str:
    if len(cell) > size:
        cell = cell[: size - 1] + "…"
    return cell.rjust(size) if side == "r" else cell.ljust(size)


def _one_line(text: str) -> str:
    """Return `text` without what would break a table, or command a terminal (line breaks, escape sequences)."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)
