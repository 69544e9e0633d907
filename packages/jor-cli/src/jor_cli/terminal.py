"""The one way to a terminal: what is data is shown escaped, and only jor's own styles command it.

`style` marks its codes with what no data can hold, `echo` lets the marked ones pass. Two things go another way: what
jobs and `collect` print by themselves, and `jor logs`, which shows bytes as they are.
"""

from __future__ import annotations

import os
import re

import click

from jor.errors import printable

#: In the place of the escape character of a code of our own.
_MARK = f"\x1b{os.urandom(6).hex()}"
_CODE = re.compile(re.escape(_MARK) + r"(\[[0-9;]*m)")


def style(text: str, *, bold: bool | None = None, fg: str | None = None) -> str:
    """Return `text` in bold or a colour, for `echo` or `painted`."""
    begin, end = click.style("\n", bold=bold, fg=fg).replace("\x1b", _MARK).split("\n")
    return f"{begin}{text}{end}"


def painted(text: str) -> str:
    """Return what a terminal is to get for `text`."""
    return "".join(f"\x1b{part}" if k % 2 else printable(part) for k, part in enumerate(_CODE.split(text)))


def echo(text: str = "", *, err: bool = False) -> None:
    """Print `text` and a line end to standard output, or to standard error; without colours where it is no terminal."""
    click.echo(painted(text), err=err)
