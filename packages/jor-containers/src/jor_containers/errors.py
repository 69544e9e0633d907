"""What can go wrong in jor_containers, in words.

ContainerError   a command cannot be wrapped, or what it is to run in is not there
"""

from __future__ import annotations


class ContainerError(Exception):
    """An error that a caller can fix: what happened, where, and what to do; the last two may be empty."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)  # alone, so that an error can be pickled: where and remedy travel as attributes
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"
