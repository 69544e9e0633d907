"""A file that says who is at work here: one at a time, refreshed while they live, breakable when they are dead.

It is made by link(2), so that it never stands there without its content, on NFS as well (open(2), O_EXCL). Where the
file system has no hard links (exFAT, some mounts by FUSE and SMB), it is created, and stands there empty for a moment.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ..errors import BusyError
from ..runtime.process_id import REFRESH_EVERY, Owner
from ..runtime.record_files import regular
from ..runtime.staging import sweep_halfway

#: Seconds without a refresh after which a holder that cannot be seen from here (another host) counts as dead.
STALE_AFTER = 600.0
#: Seconds after which an empty one is of a process that was killed between creating it and writing to it.
UNWRITTEN_AFTER = 10.0
#: What link(2) says where there are no hard links.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
#: Seconds to wait for another that is at work.
PATIENCE = 60.0

_UNKNOWN = Owner("an unknown host", "", 0, 0)


class Lease:
    """The file at `path`, held by this process until it is released, as by the end of a with statement.

    Raise FileExistsError when somebody holds it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._text = str(Owner.current())
        self._refreshed = time.monotonic()
        mine = f"{path}.{self._text}"
        try:
            with open(mine, "x", encoding="ascii") as file:  # never through a link that lies there
                file.write(self._text)
                #: When it was taken, by the clock that stamps files here, seconds since the epoch.
                self.taken = os.fstat(file.fileno()).st_mtime
            try:
                os.link(mine, path)
            except FileExistsError:
                if os.stat(mine).st_nlink != 2:  # NFS may do it twice, and tell of the second time: open(2), O_EXCL
                    raise
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                self._create()
        finally:
            _remove(mine)

    def _create(self) -> None:
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            os.write(fd, self._text.encode())
        except OSError:
            _remove(self.path)
            raise
        finally:
            os.close(fd)
        if not self.is_mine():  # it stood still, and another has taken the empty file for that of a dead process
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.path)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def folder(self) -> str:
        """Where it lies."""
        return os.path.dirname(self.path)

    def refresh(self) -> None:
        """Say that the holder lives, if it is time to. Raise BusyError as `confirm` does."""
        if time.monotonic() - self._refreshed > REFRESH_EVERY:
            self.confirm()

    def is_mine(self) -> bool:
        """Tell whether nobody has broken it meanwhile."""
        found = _look(self.path)
        return found is not None and found.text == self._text

    def confirm(self) -> None:
        """Say that the holder lives. Raise BusyError if another has broken it."""
        if not self.is_mine():
            minutes = f"{STALE_AFTER / 60:.0f} minutes"
            raise BusyError(
                f"this process has lost its lock: it stood still for {minutes}, or the file was deleted",
                where=self.path,
                remedy="Run again",
            )
        self._refreshed = time.monotonic()
        with suppress(FileNotFoundError):  # the next time tells it
            os.utime(self.path)

    def release(self) -> None:
        """Let others take it."""
        if self.is_mine():
            _remove(self.path)


class _Seen(NamedTuple):
    """What lay at the path of a lease when it was looked at; a lease taken later differs, be it by the same process."""

    text: str | None  # None: a link, which jor does not make
    mtime_ns: int

    def holder(self, now: float) -> Owner | None:
        """Return whose lease it was, if that one may have been alive at `now`."""
        if self.text is None:
            return None
        if not self.text and now - self.mtime_ns / 1e9 > UNWRITTEN_AFTER:
            return None
        owner = Owner.parse(self.text) or _UNKNOWN
        if owner.is_dead():
            return None
        is_fresh = now - self.mtime_ns / 1e9 < STALE_AFTER
        return owner if is_fresh or owner.is_running() else None


def holder(path: str, now: float) -> Owner | None:
    """Return who holds the lease at `path`; None when nobody does who may still be alive.

    `now` is the time by the clock that stamps files there, seconds since the epoch.
    """
    found = _look(path)
    return found and found.holder(now)


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
            clear(path)
            owner = holder(path, server_time(path))  # None: it is free now, or not seen yet from here (NFS)
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
    """Delete what the dead have left of the lease at `path`, and on its way to be one or to break it."""
    breaking = f"{path}.breaking"
    folder, prefix = os.path.split(breaking)
    if any(name.startswith(prefix) for name in os.listdir(folder)):
        clear(breaking)  # first: it would be in the way
    found = _look(path)
    if found and not found.holder(server_time(path)):
        # Only who holds a lease for it may break one. So nothing can come between the last look and the removal: the
        # dead do not release what they hold. (One that seemed dead, and stood still, finds out by `confirm`.)
        with suppress(FileExistsError), Lease(breaking):
            if _look(path) == found:  # what is broken has to be what was judged
                _remove(path)
    sweep_halfway(path)


def server_time(path: str) -> float:
    """Return the time by the clock that stamps files beside `path`, seconds since the epoch: a host's may differ."""
    mine = f"{path}.{Owner.current()}"
    with open(mine, "x", encoding="ascii") as file:
        now = os.fstat(file.fileno()).st_mtime
    _remove(mine)
    return now


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):  # NFS may do it twice, and tell of the second time
        os.unlink(path)


def _look(path: str) -> _Seen | None:
    try:
        with open(path, encoding="ascii", errors="replace", opener=_open_no_link) as file:
            return _Seen(file.read(1000), os.fstat(file.fileno()).st_mtime_ns)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return _Seen(None, 0)
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
            return None
        raise  # of what may not be seen nobody knows that it is dead


def _open_no_link(path: str, flags: int) -> int:
    return regular(path, flags | os.O_NOFOLLOW)
