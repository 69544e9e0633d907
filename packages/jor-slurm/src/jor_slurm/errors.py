"""What can go wrong in jor_slurm, in words.

SlurmError
├── UnitError      a time or an amount of memory that Slurm would refuse, or take for something else
└── IndexSetError  what is no set of array indices
"""

from __future__ import annotations


class SlurmError(Exception):
    """An error that a caller can mend: what happened, where, and what to do; the last two may be empty."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)  # alone, so that an error can be pickled: where and remedy travel as attributes
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"


class UnitError(SlurmError):
    """A time or an amount of memory that Slurm would refuse, or take for something else."""


class IndexSetError(SlurmError):
    """A text, or numbers, that are no set of array indices."""
