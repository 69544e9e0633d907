"""The lock of an output folder: who plans jobs whose outputs lie there holds it, and sees all that is made there.

Outputs may lie in a subfolder that is an output folder itself. Then two folders have records of the same outputs, and
who plans holds the locks of both. A folder is known by its real path, whatever links lead to it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache

from ..runtime.process_id import Owner
from ..runtime.record_files import read_record
from ..runtime.run_folder import RECORDS, append
from .lease import Lease, acquire, clear

#: Which folders have outputs here by a link: a real path each line.
_LINKED = "linked-from"
#: What the system says of a folder in which this user may not write.
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


class FolderLock:
    """The locks of one output folder, and of those above and below that may have records of the same outputs."""

    def __init__(self, own: Lease, leases: Sequence[Lease], folders: Sequence[str]) -> None:
        self._leases = leases
        #: When the folder's own was taken, by the clock that stamps files there, seconds since the epoch.
        self.taken = own.taken
        #: The real paths of the folders whose records tell who makes these outputs.
        self.folders = folders

    def confirm(self) -> None:
        """Say that the holder lives. Raise BusyError if another has broken one of the locks."""
        for lease in self._leases:
            lease.confirm()


@contextmanager
def hold(folder: str, subfolders: Iterable[str], waiting: Callable[[Owner], None]) -> Iterator[FolderLock]:
    """Hold the lock of `folder`, in which outputs lie, also in its `subfolders`; `waiting` is told for whom, if at all.

    The folder for records of at least one entry has to be there: two that begin at the same time see each other by it.
    Locks are taken in the order of paths, so that nobody waits in a circle. Raise BusyError, OSError.
    """
    mine = os.path.realpath(folder)
    _leave_word(mine, _places(mine, subfolders))
    folders = folders_with_records(folder, subfolders)
    leases: dict[str, Lease] = {}
    with ExitStack() as stack:
        for each in folders:
            try:
                leases[each] = stack.enter_context(acquire(lock_of(each), waiting))
                clear(lock_of(each))
            except OSError as error:
                if each == mine or error.errno not in _NOT_WRITABLE:
                    raise  # of another user's folder, what is being made is still looked at
        yield FolderLock(leases[mine], [*leases.values()], folders)


def folders_with_records(folder: str, subfolders: Iterable[str]) -> list[str]:
    """Return `folder` and those above and below it whose records may tell of the same outputs: real paths, ascending.

    Outputs lie in `folder` and its `subfolders`.
    """
    mine = os.path.realpath(folder)
    return sorted({mine, *_with_records({mine, *_places(mine, subfolders)})})


def _places(folder: str, subfolders: Iterable[str]) -> set[str]:
    """Return the real paths of the subfolders of `folder` that are there, or of the nearest above them."""
    real = real_folders()
    found = (_existing(folder, subfolder) for subfolder in subfolders)
    return {real(os.path.join(folder, place)) for place in found if place}


def lock_of(folder: str) -> str:
    """Return the lock of an output folder."""
    return os.path.join(folder, RECORDS, "lock")


def real_folders() -> Callable[[str], str]:
    """Return what tells the real path of a folder, and remembers it: many lie in one."""

    @cache
    def real(folder: str) -> str:
        above, base = os.path.split(folder)
        if not base:
            return folder
        return os.path.realpath(folder) if os.path.islink(folder) else os.path.join(real(above), base)

    return real


def real_paths(folder: str) -> Callable[[str], str]:
    """Return what tells the real path of an output in `folder`, by its name."""
    real = real_folders()

    def path_of(name: str) -> str:
        above, base = os.path.split(os.path.join(folder, name))
        return f"{real(above)}/{base}"

    return path_of


def _existing(folder: str, subfolder: str) -> str:
    """Return the nearest folder above `subfolder` that is there: none of the others has records."""
    while subfolder and not os.path.isdir(os.path.join(folder, subfolder)):
        subfolder = os.path.dirname(subfolder)
    return subfolder


def _with_records(folders: Iterable[str]) -> Iterator[str]:
    """Yield those of `folders`, and of all above them, that have records."""
    seen: set[str] = set()
    for folder in folders:
        while folder not in seen:
            seen.add(folder)
            yield from filter(_has_records, (folder, *_linked_from(folder)))
            folder = os.path.dirname(folder)


def _leave_word(folder: str, places: Iterable[str]) -> None:
    """Write down in those of `places` that are not below `folder` that its outputs lie there: a link leads to them."""
    for place in places:
        if os.path.commonpath([folder, place]) != folder and folder not in _linked_from(place):
            with suppress(OSError):  # where nothing can be written, no output can
                os.makedirs(os.path.join(place, RECORDS), exist_ok=True)
                append(os.path.join(place, RECORDS, _LINKED), os.fsencode(f"{folder}\n"))


def _linked_from(folder: str) -> list[str]:
    """Return the folders whose outputs lie in `folder` by a link."""
    try:
        lines = os.fsdecode(read_record(os.path.join(folder, RECORDS, _LINKED))).splitlines()
    except OSError:
        return []
    return [line for line in lines if os.path.isabs(line) and "\0" not in line]


def _has_records(folder: str) -> bool:
    """Tell whether there are records of an entry; jor keeps other things as well in a folder of that name."""
    try:
        with os.scandir(os.path.join(folder, RECORDS)) as entries:
            return any(os.path.isdir(os.path.join(entry.path, "runs")) for entry in entries)
    except OSError:
        return False  # there are none, or they may not be seen
