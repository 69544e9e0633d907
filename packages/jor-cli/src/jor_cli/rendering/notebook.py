"""Tables for notebooks and other programs: plain dictionaries that show themselves, as text and as HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any, overload

from .tables import table

#: A line of a table: values by the names of their columns, in the order of the columns.
Row = dict[str, Any]
#: Rows that a table shows; the others are counted. A status has fewer lines.
MOST_ROWS = 25


class Table(Sequence[Row]):
    """Rows that are made when they are asked for: a sequence of dictionaries; pandas.DataFrame() takes it as it is."""

    def __init__(self, row: Callable[[int], Row], places: Sequence[int]) -> None:
        self._row = row
        self._places = places

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Table:
        """Return the table of rows that are made already."""
        return cls(rows.__getitem__, range(len(rows)))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Table: ...
    def __getitem__(self, place: int | slice) -> Row | Table:
        if isinstance(place, slice):
            return Table(self._row, self._places[place])
        return self._row(self._places[place])

    def __repr__(self) -> str:
        header, rows = self._shown()
        if not rows:
            return "no rows"
        right = "".join("r" if any(map(_is_number, column)) else "." for column in zip(*rows, strict=True))
        # The empty last column keeps long paths from being broken into lines: they are cut.
        text = table([*header, ""], [[*map(_told, row), ""] for row in rows], right=right)
        return "\n".join([text, *self._more()])

    def _repr_html_(self) -> str:
        header, rows = self._shown()
        if not rows:
            return "<p>no rows</p>"
        numbers = [any(map(_is_number, column)) for column in zip(*rows, strict=True)]
        head = "".join(map(partial(_cell, "th"), header, numbers))
        body = "".join(f"<tr>{''.join(map(partial(_cell, 'td'), row, numbers))}</tr>" for row in rows)
        more = "".join(f"<p>{escape(line)}</p>" for line in self._more())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _shown(self) -> tuple[list[str], list[list[Any]]]:
        """Return the columns and the values of the rows that are shown; None where a row lacks a column."""
        shown = list(self[:MOST_ROWS])
        header: list[str] = []
        for row in shown:
            place = len(header)
            for name in reversed(row):  # what this row alone has stands before what follows it there
                if name in header:
                    place = header.index(name)
                else:
                    header.insert(place, name)
        return header, [[row.get(name) for name in header] for row in shown]

    def _more(self) -> list[str]:
        return [f"... and {len(self) - MOST_ROWS:,} more"] if len(self) > MOST_ROWS else []


def _cell(tag: str, value: Any, is_number: bool) -> str:
    return f'<{tag} style="text-align: {"right" if is_number else "left"}">{escape(_told(value))}</{tag}>'


def _told(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
