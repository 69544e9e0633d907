"""What can go wrong in jor_slurm, in words.

SlurmError
├── UnitError         a time or an amount of memory that Slurm would refuse, or take for something else
├── IndexSetError     what is no set of array indices
├── OptionError       an option of sbatch, or a script, that cannot be given
├── RefusedError      Slurm has refused a submission for good
│   └── LimitError    a limit of the cluster or account holds it back for now
│       └── AccountLimitError  of the account: fewer tasks may be accepted at once
└── CommandError      a command of Slurm is missing, failed or took too long: nothing has become known
    ├── MissingError      the command is not there
    ├── UnreachableError  it did not reach the controller: nothing has been changed, repeat it
    └── UnconfirmedError  it may have reached the controller: find out before you repeat it
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


class OptionError(SlurmError):
    """An option of sbatch, or a script, that cannot be given."""


class RefusedError(SlurmError):
    """Slurm has refused a submission for good."""


class LimitError(RefusedError):
    """A limit of the cluster or the account holds a submission back: it may be accepted later."""


class AccountLimitError(LimitError):
    """A limit of the account or its QOS is reached by a submission as a whole: fewer tasks may be accepted at once."""


class CommandError(SlurmError):
    """A command of Slurm is missing, failed or took too long: nothing has become known."""


class MissingError(CommandError):
    """A command of Slurm is not there, or cannot be started."""


class UnreachableError(CommandError):
    """The controller was not reached: nothing has been changed, and the command can be repeated."""


class UnconfirmedError(CommandError):
    """The controller may have been reached: what was asked may be done, or be done later."""
