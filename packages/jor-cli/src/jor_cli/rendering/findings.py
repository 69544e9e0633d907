"""How it is told what was found of each thing that was looked at."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator

import attrs

from ..formatting import counted
from ..terminal import echo, style
from .tables import width

#: Things of which all that is well is told; of more, what is wrong.
MOST = 20


@attrs.frozen
class Finding:
    """What was found of one thing that was looked at."""

    text: str
    is_well: bool = True
    #: Whether it is well only if it is meant so.
    is_warning: bool = False


def show_findings(checked: Iterable[tuple[str, Iterator[Finding]]]) -> int:
    """Print what was found, as it is found; return how much is wrong."""
    wrong = folded = 0
    for number, (label, found) in enumerate(checked):
        findings = found
        if number >= MOST:
            findings = iter([finding for finding in found if not finding.is_well or finding.is_warning])
        first = next(findings, None)
        if first is None:
            folded += 1
            continue
        echo(style(label, bold=True))
        wrong += _show(first) + sum(map(_show, findings))
    if folded:
        echo(f"{folded:,} more in which all is well: jor check ENTRY tells what was looked at")
    echo(f"{counted(wrong, 'thing')} to mend" if wrong else "All is well")
    return wrong


def _show(finding: Finding) -> bool:
    """Print what was found; tell whether it is wrong."""
    mark = style("ok   ", fg="green") if finding.is_well else style("WRONG", fg="red")
    mark = style("note ", fg="yellow") if finding.is_warning else mark
    lines = finding.text.split("\n")
    if sys.stdout.isatty():
        lines = [part for line in lines for part in _wrapped(line, width() - 9)]
    echo("\n".join([f"  {mark}  {lines[0]}", *(f"         {line}" for line in lines[1:])]))
    return not finding.is_well


def _wrapped(line: str, size: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    wrapped = textwrap.wrap(
        line.lstrip(), size, initial_indent=indent, subsequent_indent=indent + "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return wrapped or [line]
