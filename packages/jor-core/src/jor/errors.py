"""What can go wrong in jor, in words.

JorError
├── ConfigError       jor.cfg, a JOR_* variable or a flag holds what cannot be used
├── TodoError         the todo-list cannot be used
├── JobargsError      the text of jobargs is not a list of keyword arguments
├── JobModuleError    the job module, its class Jobs, or the jobs it lists cannot be used
│   └── MissingModuleError   it imports what is not there
├── RecordError       a file under .jor is damaged, or written by a newer jor
│   └── OddFileError         it is a named pipe, a device, too large (an OSError as well)
├── BusyError         another jor is at work on the same entry
├── CollectError      outputs could not be collected
└── Mistakes          several of the above, found in one reading
"""

from __future__ import annotations

import re
from typing import Match, Sequence

#: What commands a terminal, hides text or turns its direction, and what no encoding can say; in names, line ends too.
_ODD = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_ODD_IN_NAME = f"[\t\n]|{_ODD}"

#: Known words that a message lists.
_MOST_KNOWN = 30


class JorError(Exception):
    """An error that a user can mend: what happened, where, and what to do about it.

    `where` is a place (`todo.yaml:3:5`, a file, an option), `remedy` a sentence; both may be empty.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)  # keywords would not survive pickling; the rest travels in __dict__
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{printable_name(self.where)}: " if self.where else ""
        lines = [*self.what.split("\n"), *([self.remedy] if self.remedy else [])]
        return place + printable("\n  ".join(lines))


class ConfigError(JorError):
    """A value in jor.cfg, in the environment or on the command line cannot be used."""


class TodoError(JorError):
    """The todo-list cannot be used."""


class JobargsError(JorError):
    """The text of jobargs is not a comma-separated list of keyword arguments."""


class JobModuleError(JorError):
    """The job module, its class Jobs, or the jobs that it lists cannot be used."""


class MissingModuleError(JobModuleError):
    """A job module imports what is not there."""


class RecordError(JorError):
    """A file that jor keeps beside the outputs is damaged, or written by a newer jor."""


class VersionError(RecordError):
    """A record has a format of another version of jor."""


class OddFileError(RecordError, OSError):
    """What stands in the place of a record is not a regular file, or too large: it cannot be read, as by an OSError."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.strerror, self.filename = what, where


class BusyError(JorError):
    """Another jor is at work on the same entry."""


class CollectError(JorError):
    """Outputs could not be collected."""


class Mistakes(JorError):  # noqa: N818 # a list of errors, not one more kind
    """Several errors found in one reading; `errors` holds them in the order of their places."""

    def __init__(self, errors: Sequence[JorError]) -> None:
        super().__init__(f"{len(errors)} mistakes")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


def raise_all(mistakes: Sequence[JorError]) -> None:
    """Raise what there is: nothing, the one error, or Mistakes."""
    if mistakes:
        raise mistakes[0] if len(mistakes) == 1 else Mistakes(mistakes)


def printable(text: str) -> str:
    """Return `text`, of any number of lines, with what a terminal may not be given escaped."""
    return re.sub(_ODD, _escape, text)  # compiled when first needed: 5 ms


def printable_name(name: str) -> str:
    """Return a name, or a path, with what a terminal may not be given escaped, and line ends and tabs as well."""
    return re.sub(_ODD_IN_NAME, _escape, name)


def _escape(found: Match[str]) -> str:
    return ascii(found[0])[1:-1]


def nearest(word: str, known: Sequence[str]) -> str:
    """Return a sentence that names the known word nearest to `word`, or all of them if none is near."""
    from difflib import get_close_matches  # 8 ms to import, paid only where something is wrong

    close = get_close_matches(word, known, n=1, cutoff=0.6)
    more = f" ... and {len(known) - _MOST_KNOWN} more" if len(known) > _MOST_KNOWN else ""
    return (
        f"Did you mean {close[0]!r}?"
        if close
        else f"Choose one of: {', '.join(map(printable_name, known[:_MOST_KNOWN]))}{more}"
    )
