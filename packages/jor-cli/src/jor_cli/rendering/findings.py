"""How it is told what was found of each thing that was looked at."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import chain

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
    #: Whether it is well only perhaps: it is told, and nothing has failed.
    is_warning: bool = False


def show_findings(checked: Iterable[tuple[str, Iterator[Finding]]]) -> int:
    """Print what was found, as it is found; return how much is wrong."""
    wrong = doubtful = folded = 0
    for number, (label, found) in enumerate(checked):
        findings = found
        if number >= MOST:
            findings = iter([finding for finding in found if not finding.is_well or finding.is_warning])
        first = next(findings, None)
        if first is None:
            folded += 1
            continue
        echo(style(label, bold=True))
        for finding in chain([first], findings):
            _show(finding)
            wrong += not finding.is_well
            doubtful += finding.is_warning
    if folded:
        echo(f"{folded:,} more in which all is well: jor check ENTRY tells what was looked at")
    warnings = counted(doubtful, "warning")
    if wrong:
        echo(f"{counted(wrong, 'thing')} to mend" + (f", {warnings}" if doubtful else ""))
    else:
        echo(f"All is well, but for {warnings}" if doubtful else "All is well")
    return wrong


def _show(finding: Finding) -> None:
    """Print what was found."""
    mark = style("ok   ", fg="green") if finding.is_well else style("WRONG", fg="red")
    mark = style("warn ", fg="yellow") if finding.is_warning else mark
    lines = finding.text.split("\n")
    if sys.stdout.isatty():
        lines = [part for line in lines for part in _wrapped(line, width() - 9)]
    echo("\n".join([f"  {mark}  {lines[0]}", *(f"         {line}" for line in lines[1:])]))


def _wrapped(line: str, size: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    wrapped = textwrap.wrap(
        line.lstrip(), size, initial_indent=indent, subsequent_indent=indent + "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return wrapped or [line]
