"""Where a job writes, and the rename that makes its output true.

Each worker has a folder below `partial/` for each job that it runs at once, named after the worker's process. A job
finds it empty and writes there; when it has ended well, what it left is renamed into place, its output last. A file at
its output path is therefore complete, whatever was killed when.
"""

from __future__ import annotations

import errno
import os
import time
from stat import S_IRWXU, S_ISREG
from typing import AbstractSet, Callable, Tuple

from ..errors import JorError
from .process_id import Owner

Stamp = Tuple[int, int, int]
_A_DAY = 86_400.0
#: How often a worker makes `partial` anew when it has gone before its own folder was made in it.
_ATTEMPTS = 1000


class NotPublishedError(JorError):
    """What a job has made cannot be put into place."""


class Staging:
    """A staging folder of this process under `partial`; made at once, raising OSError where it cannot be.

    `number` tells apart those of one process.
    """

    def __init__(self, partial: str, number: int = 0) -> None:
        self.partial = partial
        self._first = self.folder = os.path.join(partial, f"{Owner.current()}~{number}")
        self._make()

    @classmethod
    def of_kept(cls, folder: str) -> Staging:
        """Return the folder to which `keep` has moved what a failed job left."""
        kept = cls.__new__(cls)
        kept.partial = os.path.dirname(folder)
        kept._first = kept.folder = folder
        return kept

    def others(self, output: str) -> list[str] | None:
        """Return the names that the job left beside its output; None if it has not written that.

        An output that is a link to a file beside it becomes a file of its own. Raise NotPublishedError for a link to
        what another job is writing.
        """
        try:
            with os.scandir(self.folder) as entries:
                left = {entry.name: entry.is_file() for entry in entries}  # the listing says so: no stat
        except (FileNotFoundError, NotADirectoryError):
            if stamp(output) is not None:
                return None
            what = "it has deleted or moved the folder in which its output was to lie"
            raise NotPublishedError(what, remedy="Let it leave the folder of the path that it gets alone") from None
        name = os.path.basename(output)
        if not left.pop(name, False):
            return None
        path = os.path.join(self.folder, name)
        if os.path.islink(path):
            self._replace_link(path)
        return list(left)

    def publish(self, output: str, *, durably: bool = False) -> None:
        """Move the file `output` into place.

        With `durably`, it is on the disk before it is moved, and has been moved there when this returns.
        """
        path = staged(self.folder, output)
        if durably:
            force(path)
        move(path, output)
        if durably:
            force_name(output, os.path.dirname(os.path.dirname(os.path.dirname(self.partial))))

    def added_to_name(self, output: str) -> str:
        """Return what the name of a file that the job left has more than that of `output` (numpy.savez adds .npz)."""
        name = os.path.basename(output)
        return next((other[len(name) :] for other in sorted(_names(self.folder)) if other.startswith(name)), "")

    def keep(self, folder: str) -> bool:
        """Move what a failed job left to `folder`, instead of what is there; tell whether it left anything.

        Raise OSError if that cannot be. The staging folder has to be renewed then.
        """
        _unlock(self.folder)
        if not _names(self.folder):
            return False
        delete(folder)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        os.rename(self.folder, folder)
        return True

    def renew(self) -> bool:
        """Have an empty folder, whatever a job has done to it; tell whether its path is another one now.

        Raise OSError where that cannot be.
        """
        before = self.folder
        for number in range(1, _ATTEMPTS):
            if self._is_emptied():
                break
            self.folder = f"{self._first}.{number}"  # for what cannot be deleted is no next job's
        return self.folder != before

    def _is_emptied(self) -> bool:
        if os.path.islink(self.folder) or not os.path.isdir(self.folder):
            delete(self.folder)
            self._make()
            return True
        _unlock(self.folder)
        for name in _names(self.folder):
            delete(os.path.join(self.folder, name))
        try:
            return not os.listdir(self.folder) and os.access(self.folder, os.W_OK | os.X_OK)
        except OSError:
            return False  # locked by another user

    def _make(self) -> None:
        # Not makedirs: a worker that ends may delete `partial` at any time between its making and ours.
        for attempt in range(_ATTEMPTS):
            try:
                os.mkdir(self.partial)
            except FileExistsError:
                pass  # if it is no folder, the next line says so
            try:
                os.mkdir(self.folder)
                return
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise  # `partial` is a link that leads nowhere

    def _replace_link(self, path: str) -> None:
        """Make a file of the link `path`, an output, if it leads to one in this folder."""
        target = os.path.realpath(path)
        partial = os.path.realpath(self.partial)
        copy = f"{path}.{Owner.current()}"
        if not target.startswith(partial + "/"):  # it leads to where the file stays
            if not os.path.isabs(os.readlink(path)):
                os.symlink(target, copy)  # from the output's own folder, the way would be another one
                os.replace(copy, path)
            return
        if not target.startswith(os.path.realpath(self.folder) + "/"):
            what = f"its output is a link to {target}, which is not its own"
            raise NotPublishedError(what, remedy="Let it copy that file, or link to where it stays")
        _link_or_copy(target, copy)
        os.replace(copy, path)

    def close(self) -> None:
        """Delete the folder, and `partial` with it if it was the last."""
        delete(self.folder)
        _delete_if_empty(self.partial)


def force(path: str) -> None:
    """Have a file, or a folder and all in it, on the disk when this returns. Raise OSError when it cannot be."""
    is_folder = os.path.isdir(path)
    if os.path.islink(path) or not (is_folder or os.path.isfile(path)):
        return  # it has no content, and its name is the folder's
    for name in os.listdir(path) if is_folder else ():
        force(os.path.join(path, name))
    _sync(path)


def force_name(path: str, top: str) -> None:
    """Have the name of a file on the disk when this returns, and those of the folders between it and `top`."""
    folder = os.path.dirname(path)
    _sync(folder)
    while folder not in (top, os.path.dirname(folder)):
        folder = os.path.dirname(folder)
        _sync(folder)


def staged(folder: str, output: str) -> str:
    """Return where the job with this output path writes: the same file name, in the staging folder `folder`."""
    return os.path.join(folder, os.path.basename(output))


def sweep(partial: str, gone: Callable[[], AbstractSet[str]] = frozenset, outputs: str = "") -> int:
    """Delete what processes that are certainly dead left under `partial`; return how many.

    With `outputs`, the folder of all outputs, also what they were copying there from another file system.
    `gone` tells the owners on other hosts that are known to be dead; it is asked only if there is anything left.
    """
    try:
        names = os.listdir(partial)
    except FileNotFoundError:
        return 0
    owners: dict[str, Owner | None] = {name: Owner.parse(name.rpartition("~")[0]) for name in names}
    dead = [name for name, owner in owners.items() if owner is not None and owner.is_dead()]
    if len(dead) < len(names):
        told = gone()
        dead += [name for name in names if name not in dead and name.rpartition("~")[0] in told]
    if outputs:  # first: a name in `partial` is what leads to them
        _delete_halfway(outputs, {name.rpartition("~")[0] for name in dead})
    for name in dead:
        delete(os.path.join(partial, name))
    _delete_if_empty(partial)
    return len(dead)


def _delete_halfway(outputs: str, owners: AbstractSet[str]) -> None:
    names = [_halfway(owner) for owner in owners]
    for above, below, _ in os.walk(outputs) if names else ():
        if ".jor" in below:
            below.remove(".jor")
        links = [name for name in below if os.path.islink(os.path.join(above, name))]
        for folder in (above, *(os.path.join(above, link) for link in links)):
            for name in names:
                delete(os.path.join(folder, name))


def _halfway(owner: object) -> str:
    return f".{owner}.partial"


def sweep_halfway(path: str) -> None:
    """Delete the files `path`.<owner>, which were to become `path`, of processes that are dead.

    Those of other hosts are, if the file is a day old: it takes no second to write one.
    """
    folder, prefix = os.path.split(f"{path}.")
    for name in os.listdir(folder):
        owner = Owner.parse(name[len(prefix) :]) if name.startswith(prefix) else None
        if owner is not None and (owner.is_dead() or _is_old(os.path.join(folder, name))):
            delete(os.path.join(folder, name))


def _is_old(path: str) -> bool:
    found = stamp(path)
    return found is not None and time.time() - found[1] / 1e9 > _A_DAY


def stamp(path: str) -> Stamp | None:
    """Return what changes when a file is written anew (inode, mtime in ns, bytes); None when there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if S_ISREG(found.st_mode) else None


def move(source: str, target: str) -> None:
    """Move a file, replacing what is there; half a file is never seen."""
    try:
        os.replace(source, target)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # an output name with a subfolder
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_then_rename(source, target)


def _copy_then_rename(source: str, target: str) -> None:
    """Move across file systems (a subfolder that is a mount, a project quota), still never showing half a file."""
    import shutil  # 10 ms, paid only here

    halfway = f"{os.path.dirname(target)}/{_halfway(Owner.current())}"
    try:
        shutil.copy2(source, halfway, follow_symlinks=False)
        force(halfway)
        os.replace(halfway, target)
    except OSError:
        delete(halfway)
        raise
    os.unlink(source)


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        import shutil  # 10 ms, paid only here

        shutil.copy2(source, target)


def delete(path: str) -> None:
    """Delete a file, or a folder and all in it, as far as that can be."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil  # 10 ms, paid only by jobs that leave folders, and at the end

        shutil.rmtree(path, ignore_errors=True)
        if os.path.lexists(path):
            _open_up(path)
            shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            os.unlink(path)
        except OSError:
            pass  # gone is what was wanted; what stays is seen


def _unlock(folder: str) -> None:
    """Let the owner into a folder that a job has locked."""
    try:
        mode = os.stat(folder).st_mode
        if mode & S_IRWXU != S_IRWXU:
            os.chmod(folder, mode | S_IRWXU)
    except OSError:
        pass  # it is gone, or another user's: what follows sees it


def _open_up(folder: str) -> None:
    """Let the owner into a folder and all that lie in it."""
    folders = [folder]
    while folders:
        folder = folders.pop()
        try:
            os.chmod(folder, S_IRWXU)
            with os.scandir(folder) as entries:
                folders += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            pass  # another user's


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _delete_if_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass  # others are still at work there
