"""What can go wrong in jor_containers, in words."""

from __future__ import annotations


class ContainerError(Exception):
    """An error that a caller can mend: what happened, where, and what to do; the last two may be empty."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"
