"""What a command is wrapped in: a function from argv to argv, with laws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs


class Wrapper(Protocol):
    """Turns a command into one that runs it elsewhere: in a container, in an environment.

    Commands are argv lists, never text for a shell: nothing in them is expanded or split. A wrapper is pure: it starts
    nothing, and gives the same command for the same argv.
    """

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the command that runs `argv` there."""
        ...


@attrs.frozen
class Native:
    """Runs commands as they are."""

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return `argv`."""
        return tuple(argv)


@attrs.frozen
class Nested:
    """Runs commands in `inner`, and that in `outer`: an environment inside a container.

    The commands are the same however three wrappers are nested, `Nested(a, Nested(b, c))` or `Nested(Nested(a, b), c)`,
    and `Native` changes nothing on either side.
    """

    outer: Wrapper
    inner: Wrapper

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the command that runs `argv` in `inner` in `outer`."""
        return self.outer.wrap(self.inner.wrap(argv))
