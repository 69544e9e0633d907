"""Plain tables: columns as wide as they need, and no wider than the terminal all together."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import accumulate, zip_longest
from unicodedata import combining, east_asian_width

from jor.errors import printable

from ..terminal import style

#: Lines that a cell of the last column may take; the rest is cut.
MOST_LINES = 4


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "", colours: Sequence[str] = ()) -> str:
    """Return lines of aligned columns under `header`, no wider than the terminal.

    `right` has an 'r' at the place of each column that is aligned right ('..rr'). Where the terminal is too narrow
    the widest columns give way: their cells are cut with an ellipsis, those of the last column broken into lines.
    `colours` has the colour of each column's cells that are not 0, '' for none; with it the header is bold.
    """
    cells = [list(header), *([_one_line(cell) for cell in row] for row in rows)]
    widths = [max(_columns(row[column]) for row in cells) for column in range(len(header))]
    widths = _narrowed(widths, width() - 2 * (len(widths) - 1))
    sides = right.ljust(len(header), ".")
    lines: list[str] = []
    for row in cells:
        *cut, last = row
        broken = [[fit(cell, size)] for cell, size in zip(cut, widths[:-1], strict=True)] + [_broken(last, widths[-1])]
        for line in zip_longest(*broken, fillvalue=""):
            padded = list(map(_padded, line, widths, sides))
            if colours:
                padded = list(map(_styled, padded, colours)) if lines else [style(one, bold=True) for one in padded]
            lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def width() -> int:
    """Return the width of the terminal, columns; 80 when there is none, and COLUMNS if that is set."""
    return shutil.get_terminal_size((80, 24)).columns


def _narrowed(widths: Sequence[int], available: int) -> list[int]:
    """Return `widths` with the widest narrowed until their sum is `available`."""
    narrowed = [min(size, max(available, 2)) for size in widths]
    while sum(narrowed) > available and max(narrowed) > 2:
        narrowed[narrowed.index(max(narrowed))] -= 1
    return narrowed


def _broken(text: str, size: int) -> list[str]:
    """Return `text` as lines of at most `size` columns, broken at spaces where there are any."""
    lines: list[str] = []
    while _columns(text) > size and len(lines) < MOST_LINES - 1:
        end = _reach(text, size)
        end = text.rfind(" ", end // 3, end + 1) if " " in text[end // 3 : end + 1] else end
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, fit(text, size)]


def fit(text: str, size: int) -> str:
    """Return `text`, one line, cut to `size` columns if it is longer."""
    return text if _columns(text) <= size else text[: _reach(text, size - 1)] + "…"


def _padded(text: str, size: int, side: str) -> str:
    padding = " " * (size - _columns(text))
    return padding + text if side == "r" else text + padding


def _styled(cell: str, colour: str) -> str:
    text = cell.strip()
    return cell.replace(text, style(text, fg=colour)) if colour and text.strip("0") else cell


def _reach(text: str, size: int) -> int:
    """Return how many characters of `text` fit into `size` columns, at least one."""
    return max(1, sum(end <= size for end in accumulate(map(_columns_of, text))))


def _columns(text: str) -> int:
    """Return the columns that `text` takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    return 0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1


def _one_line(text: str) -> str:
    """Return `text` on one line, without what would command a terminal."""
    return printable(" ".join(text.splitlines()).replace("\t", " "))
