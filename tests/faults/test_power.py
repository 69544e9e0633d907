"""The option fsync: what counts as done is on the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ..integration.commands import Jor, outputs
from .conftest import Faults, gone
from .projects import COUNT, expected, nothing_is_torn, overlaps

FORCED = {"JOR_FSYNC": "true"}


def test_output_and_its_name_are_forced_to_the_disk(jor: Jor, project: Path, faults: Faults) -> None:
    assert jor("run", **faults.strike(None, path=project, calls="fsync", role="worker")).code == 0
    lazily = faults.counts["worker"]
    assert jor("run", "--overwrite-output", **faults.strike(None, path=project, calls="fsync"), **FORCED).code == 0
    # Of each job: its begin and its end; output, file beside it and their folder; the folder that they are moved to.
    assert faults.counts["worker"] >= lazily + 6 * COUNT
    assert outputs(project) == expected()


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
    """A worker killed at each fsync of its first jobs: what it had not forced yet does not stand at its place."""
    environment = {**FORCED, **faults.strike("kill", at, path="/partial/", calls="fsync", role="worker")}
    jor("run", "--test", **environment)
    gone(jor)
    assert len(faults.strikes) == (at <= 3)
    assert outputs(project).keys() & {"index0.txt"} == (set() if faults.strikes else {"index0.txt"})
