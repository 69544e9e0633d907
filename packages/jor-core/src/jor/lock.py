"""A file that says who is at work here: one at a time, refreshed while they live, breakable when they are dead.

It is made by link(2), so that it never stands there without its content, on NFS as well (open(2), O_EXCL).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from .errors import BusyError
from .runtime.owner import Owner
from .runtime.staging import sweep_halfway

#: Seconds between two refreshes of a file that is held.
REFRESH_EVERY = 30.0
#: Seconds without a refresh after which a holder that cannot be seen from here (another host) counts as dead.
STALE_AFTER = 600.0
#: Seconds to wait for another that is at work.
PATIENCE = 60.0

_UNKNOWN = Owner("an unknown host", "", 0, 0)


class Lease:
    """The file at `path`, held by this process. Raise FileExistsError when somebody holds it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._text = str(Owner.current())
        self._refreshed = time.monotonic()
        mine = f"{path}.{self._text}"
        with open(mine, "x", encoding="ascii") as file:  # never through a link that lies there
            file.write(self._text)
        try:
            os.link(mine, path)
        finally:
            os.unlink(mine)

    def refresh(self) -> None:
        """Say that the holder lives, if it is time to."""
        if time.monotonic() - self._refreshed > REFRESH_EVERY:
            self._refreshed = time.monotonic()
            os.utime(self.path)

    def is_mine(self) -> bool:
        """Tell whether nobody has broken it meanwhile."""
        return _read(self.path) == self._text

    def server_time(self) -> float:
        """Return the time of the last refresh by the clock that stamps files here, seconds since the epoch."""
        return os.stat(self.path).st_mtime

    def release(self) -> None:
        """Let others take it."""
        if self.is_mine():
            os.unlink(self.path)


def holder(path: str, now: float) -> Owner | None:
    """Return who holds the lease at `path`; None when nobody does who may still be alive.

    `now` is the time by the clock that stamps files there, seconds since the epoch.
    """
    text = _read(path)
    if text is None:
        return None
    owner = Owner.parse(text) or _UNKNOWN
    if owner.is_dead():
        return None
    try:
        fresh = now - os.stat(path).st_mtime < STALE_AFTER
    except FileNotFoundError:
        return None
    return owner if fresh or owner.host == Owner.current().host else None


def acquire(path: str, waiting: Callable[[Owner], None], patience: float = PATIENCE) -> Lease:
    """Take the lease at `path`, breaking that of a dead holder; wait for a live one up to `patience` seconds.

    `waiting` is told once for whom. Raise BusyError when the wait was in vain.
    """
    began = time.monotonic()
    told = False
    while True:
        try:
            return Lease(path)
        except FileExistsError:
            text = _read(path)  # before it is judged: what has come since is not to be broken
            owner = holder(path, server_time(path))
        if owner is None and (text is not None or os.path.islink(path)):  # jor makes no links
            _break(path, text)
            continue
        # Without a text, it has been released since, or is not seen yet from here (NFS): not to be broken.
        if time.monotonic() - began > patience:
            owner = owner or _UNKNOWN
            raise BusyError(
                f"process {owner.pid} on {owner.host} has been planning the same entry for {patience:.0f} seconds",
                where=path,
                remedy="Run again later; if that process does not exist any more, delete the file",
            )
        if owner is not None and not told:
            waiting(owner)
            told = True
        time.sleep(0.05)


def clear(path: str) -> None:
    """Delete what the dead have left of the lease at `path`, and on its way to be one."""
    text = _read(path)
    if text is not None and holder(path, server_time(path)) is None:
        _break(path, text)
    sweep_halfway(path)
    sweep_halfway(f"{path}.broken")


def server_time(path: str) -> float:
    """Return the time by the clock that stamps files beside `path`, seconds since the epoch: a host's may differ."""
    mine = f"{path}.{Owner.current()}"
    with open(mine, "x", encoding="ascii") as file:
        now = os.fstat(file.fileno()).st_mtime
    os.unlink(mine)
    return now


def _break(path: str, stale: str | None) -> None:
    """Remove the lease of a dead holder, whose text is `stale`, leaving alone one that has been taken since."""
    if _read(path) != stale:
        return
    aside = f"{path}.broken.{Owner.current()}"
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return  # another has broken it
    if _read(aside) != stale:
        try:
            os.link(aside, path)  # it was a live one's by then: give it back
        except FileExistsError:
            pass  # its holder finds by is_mine() that it has been lost
    os.unlink(aside)


def _read(path: str) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(fd, encoding="ascii", errors="replace") as file:
        return file.read(1000)
