"""The option fsync: what counts as done is on the disk, even on one that keeps no more than it was told to keep."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from ..integration.commands import Jor, outputs
from .conftest import Faults, gone
from .projects import COUNT, expected, nothing_is_torn, overlaps

FORCED = {"JOR_FSYNC": "true"}


class Disk:
    """What a power loss leaves of the files below `top`, by the calls that have changed them, at its worst.

    A file keeps its content if it was forced since the last write, and its name if the folder has been since it got it.
    """

    def __init__(self, top: Path) -> None:
        self._top = str(top)
        #: The content's number by the path of each file.
        self._at: dict[str, int] = {}
        self._unwritten: set[int] = set()
        self._unnamed: set[str] = set()
        #: Files that were moved to where outputs lie before their content was forced.
        self.hasty: list[str] = []

    def call(self, call: str, path: str, source: str) -> None:
        """Take note of a call; paths may be relative to `top`."""
        path, source = (os.path.join(self._top, name) for name in (path, source))
        if call in ("open", "mkdir", "link") and path not in self._at:
            self._at[path] = len(self._at)
            self._unnamed.add(path)
        elif call == "write" and path in self._at:
            self._unwritten.add(self._at[path])
        elif call == "rename":
            self._at[path] = self._at.pop(source, len(self._at) + 10**6)
            self._unnamed.add(path)
            if "/partial/" in source and self._at[path] in self._unwritten:
                self.hasty.append(path)
        elif call == "fsync":
            self._unwritten.discard(self._at.get(path, -1))
            self._unnamed = {name for name in self._unnamed if os.path.dirname(name) != path}

    def loses(self, path: str) -> bool:
        """Tell whether a file would be gone, or have lost content."""
        above = [path]
        while above[-1] != self._top:
            above.append(os.path.dirname(above[-1]))
        return self._at[path] in self._unwritten or not self._unnamed.isdisjoint(above)


def calls(faults: Faults) -> Iterable[list[str]]:
    """Return the calls that were noted: role, call, path, and where a rename is from."""
    return [strike.split("\t") for strike in faults.strikes]


@pytest.mark.parametrize("atomic", [True, False], ids=["staged", "in place"])
def test_power_loss_costs_no_output_that_counts_as_done(jor: Jor, project: Path, faults: Faults, atomic: bool) -> None:
    module = jor.folder / "careful.py"
    module.write_text(module.read_text().replace('name = "careful"', f'name = "careful"\n    atomic_output = {atomic}'))
    noted = faults.strike("0", path="/", times=10**6)
    assert jor("run", "--path-prefix", "new/deep", **noted, **FORCED).code == 0
    folder = jor.folder / "new" / "deep" / "careful"
    assert outputs(folder) == expected()
    disk, looked = Disk(jor.folder), 0
    for role, call, path, source in calls(faults):
        disk.call(call, path, source)
        if (role, call) == ("worker", "fsync") and path.endswith(".jsonl"):  # the job is over, or the worker
            looked += 1
            done = [str(path) for path in folder.glob("index*.txt") if str(path) in disk._at] if atomic else []
            assert [path for path in done if disk.loses(path)] == []
    assert looked > COUNT
    assert disk.hasty == []
    records = list(folder.glob(".jor/*/runs/*/*.json*"))
    assert len(records) == 4  # submission, jobs, and two journals
    assert [path for path in map(str, [*records, *folder.glob("index*.txt")]) if disk.loses(path)] == []


def test_no_more_is_forced_to_the_disk_than_has_to_be(jor: Jor, project: Path, faults: Faults) -> None:
    """Of each job: output, the file beside it, the folder that they are moved to, the record of its end."""
    assert jor("run", **faults.strike(None, path=project, calls="fsync"), **FORCED).code == 0
    # And of each worker: its claim, the journal's name, and its end, twice.
    assert faults.counts["worker"] == 4 * COUNT + 2 * 4


@pytest.mark.parametrize("path", ["/partial/", "careful/index", ".jsonl", "careful"])
def test_output_that_cannot_be_forced_to_the_disk_is_not_done(
    jor: Jor, project: Path, faults: Faults, path: str
) -> None:
    done = jor("run", "--workers", 1, **FORCED, **faults.strike(errno.EIO, 4, path=path, calls="fsync", role="worker"))
    if faults.strikes:
        assert done.code == 1, done
        assert os.strerror(errno.EIO) in done.said
    gone(jor)
    assert nothing_is_torn(project)
    assert jor("run").code == 0
    assert outputs(project) == expected()
    assert overlaps(jor.folder) == []


@pytest.mark.parametrize("at", range(1, 5))
def test_output_appears_only_after_it_is_on_the_disk(jor: Jor, project: Path, faults: Faults, at: int) -> None:
    """A worker killed at each fsync of its first job: what it had not forced yet does not stand at its place."""
    environment = {**FORCED, **faults.strike("kill", at, path="/partial/", calls="fsync", role="worker")}
    jor("run", "--test", **environment)
    gone(jor)
    assert len(faults.strikes) == (at <= 2)
    assert outputs(project).keys() & {"index0.txt"} == (set() if faults.strikes else {"index0.txt"})
