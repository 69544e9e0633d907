"""Old outputs of jobs that write in place: set aside before the job begins, put back if it fails, else deleted.

While one lies here, what stands at the output's own path is not whole. When a job is interrupted, both stay: it is gone
on with.
"""

from __future__ import annotations

import os

from .run_folder import Run


class OldOutputs:
    """The old outputs of the entry that `run` belongs to, whose outputs lie in `folder`."""

    def __init__(self, run: Run, folder: str) -> None:
        self._aside = run.old
        self._folder = folder

    def has(self, name: str) -> bool:
        """Tell whether the old output of this name is set aside."""
        return os.path.lexists(os.path.join(self._aside, name))

    def set_aside(self, name: str) -> None:
        """Move the output of this name here, if there is one. Raise OSError."""
        source, target = os.path.join(self._folder, name), os.path.join(self._aside, name)
        while os.path.lexists(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            try:
                os.replace(source, target)
            except FileNotFoundError:
                continue  # another worker has just deleted the folder, which was empty

    def put_back(self, name: str) -> bool:
        """Move the old output to its place, over what is there; return whether there is one. Raise OSError."""
        if not self.has(name):
            return False
        os.replace(os.path.join(self._aside, name), os.path.join(self._folder, name))
        self.delete_empty_folders(name)
        return True

    def make_room(self, name: str) -> str:
        """Set the output of this name aside; return why that cannot be, or ''."""
        try:
            self.set_aside(name)
        except OSError as error:
            return f"its old output could not be set aside: {error}"
        return ""

    def give_up(self, name: str) -> str:
        """Put the old output of a job that failed back; return what is to be added to its reason if that cannot be."""
        try:
            self.put_back(name)
        except OSError as error:
            return f"; its old output could not be put back: {error}"
        return ""

    def take_over(self, name: str, other: OldOutputs) -> None:
        """Take the old output that is set aside for another entry, should there be one. Raise OSError."""
        source, target = os.path.join(other._aside, name), os.path.join(self._aside, name)
        if source != target and os.path.lexists(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(source, target)

    def delete(self, name: str) -> None:
        """Delete the old output: the new one is whole. Raise OSError."""
        try:
            os.unlink(os.path.join(self._aside, name))
        except FileNotFoundError:
            return
        self.delete_empty_folders(name)

    def names(self) -> list[str]:
        """Return the names of the outputs that are set aside."""
        return [
            os.path.relpath(os.path.join(folder, name), self._aside)
            for folder, _, names in os.walk(self._aside)
            for name in names
        ]

    def delete_empty_folders(self, name: str = "any") -> None:
        """Delete the folders in which the output of this name lay, as far as nothing lies there."""
        folder = os.path.dirname(os.path.join(self._aside, name))
        try:
            while len(folder) >= len(self._aside):
                os.rmdir(folder)
                folder = os.path.dirname(folder)
        except OSError:
            pass  # others lie there
