"""A file that says who is at work here: one at a time, refreshed while they live, breakable when they are dead.

It tells the folder in which it was made, so that one in a copy of that folder holds up nobody.
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
from ..runtime.process_id import REFRESH_EVERY, Owner, uptime
from ..runtime.record_files import regular
from ..runtime.staging import sweep_halfway

#: Seconds without a refresh after which a holder that cannot be seen from here (another host) counts as dead.
STALE_AFTER = 600.0
#: The same for one of before this machine was started: either it is dead, or it is of another machine of the same name.
STALE_AFTER_BOOT = 3 * REFRESH_EVERY
#: Seconds by which the clocks of hosts that keep the time differ.
CLOCKS_DIFFER = 60.0
#: Seconds after which an empty one is of a process that was killed between creating it and writing to it.
UNWRITTEN_AFTER = 10.0
#: What link(2) says where there are no hard links.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
#: Seconds to wait for another that is at work.
PATIENCE = 60.0

_A_DAY = 86_400.0
#: Characters of a lease that are read: a path has 4,096 bytes at most.
_LONGEST = 5000

_UNKNOWN = Owner("an unknown host", "", 0, 0)


class Lease:
    """The file at `path`, held by this process until it is released, as by the end of a with statement.

    Raise FileExistsError when somebody holds it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        owner = Owner.current()
        self._text = _Text.of(owner, os.path.dirname(path)).encoded
        self._refreshed = time.monotonic()
        mine = f"{path}.{owner}"
        try:
            with open(mine, "x", encoding="utf-8", errors="surrogateescape") as file:  # never through a link
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
            os.write(fd, self._text.encode("utf-8", "surrogateescape"))
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


class _Text(NamedTuple):
    """What stands in a lease: its owner, and the folder in which it was made."""

    owner: Owner | None
    inode: int
    folder: str

    @classmethod
    def of(cls, owner: Owner, folder: str) -> _Text:
        """Return the text of a lease that `owner` takes in `folder`."""
        return cls(owner, os.stat(folder or ".").st_ino, os.path.realpath(folder))

    @property
    def encoded(self) -> str:
        return f"{self.owner}\n{self.inode}\n{self.folder}"

    @classmethod
    def parse(cls, text: str) -> _Text:
        """Return what `encoded` told; of another text as much as can be understood."""
        owner, _, rest = text.partition("\n")
        inode, _, folder = rest.partition("\n")
        return cls(Owner.parse(owner), int(inode) if inode.isdecimal() else 0, folder)

    def is_copied_to(self, here: str) -> bool:
        """Tell whether a lease in the folder `here` has come there with a copy of the folder in which it was made."""
        is_here = self.owner is not None and self.owner.host == Owner.current().host
        try:
            return self.inode > 0 and is_copy(os.path.realpath(here), self.folder, self.inode, is_here=is_here)
        except OSError:
            return False  # the folder has gone


def is_copy(here: str, original: str, inode: int, *, is_here: bool) -> bool:
    """Tell whether the folder `here` is a copy of `original`, which had this inode, as one of this host if `is_here`.

    One that has been renamed is none, nor is one seen by another path. A snapshot of a file system, in which inodes
    stay the same, is one.
    """
    mine = os.stat(here)
    if here == original:
        return not is_here and mine.st_ino != inode  # the same path on a disk of another host
    try:
        other = os.stat(original)
    except OSError:  # it is gone, or is called otherwise on this host
        return mine.st_ino != inode
    if other.st_ino == mine.st_ino:
        return other.st_dev != mine.st_dev
    return mine.st_ino != inode  # renamed, and another folder stands in its place


class _Seen(NamedTuple):
    """What lay at the path of a lease when it was looked at; a lease taken later differs, be it by the same process."""

    path: str
    text: str | None  # None: a link, which jor does not make
    mtime_ns: int

    def holder(self, now: Callable[[], float]) -> Owner | None:
        """Return whose lease it was, if that one may be alive; `now` tells the time by the clock that stamps files."""
        if self.text is None:
            return None
        text, refreshed = _Text.parse(self.text), self.mtime_ns / 1e9
        owner = text.owner or _UNKNOWN
        if owner.is_dead():
            return None
        if text.is_copied_to(os.path.dirname(self.path)):
            # Hosts may see other inodes, and paths, of one folder (sshfs, SMB); what came with a copy is not refreshed.
            is_fresh = owner.host != Owner.current().host and now() - refreshed < STALE_AFTER_BOOT
            return owner if is_fresh else None
        if owner.is_running():
            return owner
        moment = now()
        if not self.text:
            patience = UNWRITTEN_AFTER
        elif owner.is_of_earlier_boot() and refreshed < moment - uptime():
            patience = STALE_AFTER_BOOT
        else:
            patience = STALE_AFTER
        return owner if moment - refreshed < patience else None


def holder(path: str, now: float | None = None) -> Owner | None:
    """Return who holds the lease at `path`; None when nobody does who may still be alive.

    `now` is the time by the clock that stamps files there, seconds since the epoch. Without it, the clock of this host
    is believed as far as it says that the holder is alive, and otherwise that clock is asked, by a file that is made
    and deleted; where none can be made, a holder of another host counts as alive for a day.
    """
    found = _look(path)
    if found is None:
        return None
    return found.holder((lambda: now) if now is not None else lambda: _time_for(found))


def _time_for(found: _Seen) -> float:
    """Return the time by which to judge a lease, without writing anything as long as it is fresh."""
    now, refreshed = time.time(), found.mtime_ns / 1e9
    if -CLOCKS_DIFFER < now - refreshed < UNWRITTEN_AFTER + CLOCKS_DIFFER:
        return now
    try:
        return server_time(found.path)
    except OSError:
        return now if now - refreshed > _A_DAY else refreshed


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
            raise _busy(path, owner or _UNKNOWN, patience)
        if owner is not None and not told:
            waiting(owner)
            told = True
        time.sleep(0.05)


def _busy(path: str, owner: Owner, patience: float) -> BusyError:
    who = f"process {owner.pid} on {owner.host}"
    if owner.is_suspended():
        return BusyError(
            f"{who} is suspended, and has been planning jobs of this folder for {patience:.0f} seconds",
            where=path,
            remedy=f"Let it go on (fg, or kill -CONT {owner.pid}) or end it (kill -KILL {owner.pid}), and run again",
        )
    return BusyError(
        f"{who} has been planning jobs of this folder for {patience:.0f} seconds",
        where=path,
        remedy="Run again later; if that process does not exist any more, delete the file",
    )


def clear(path: str) -> None:
    """Delete what the dead have left of the lease at `path`, and on its way to be one or to break it."""
    breaking = f"{path}.breaking"
    folder, prefix = os.path.split(breaking)
    if any(name.startswith(prefix) for name in os.listdir(folder)):
        clear(breaking)  # first: it would be in the way
    found = _look(path)
    if found and not found.holder(lambda: server_time(path)):
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
        with open(path, encoding="utf-8", errors="surrogateescape", opener=_open_no_link) as file:
            return _Seen(path, file.read(_LONGEST), os.fstat(file.fileno()).st_mtime_ns)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return _Seen(path, None, 0)
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
            return None
        raise  # of what may not be seen nobody knows that it is dead


def _open_no_link(path: str, flags: int) -> int:
    return regular(path, flags | os.O_NOFOLLOW)
