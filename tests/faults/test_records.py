"""What may stand where a record of jor belongs: it costs no output, and is told where it hinders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ..integration.commands import Jor, outputs
from .conftest import SHORT
from .projects import expected, overlaps
from .readers import records_of


def _file(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbfodd\0\n")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 10 * 2**30)


#: What may stand there.
THINGS = (_file, Path.mkdir, _link_to_itself, _link_to_nowhere, _pipe, _device, _huge)
PLACES = (
    "partial",
    "runs",
    "collected.json",
    "past.jsonl",
    "past.files",
    "past.log",
    "runs/*/submission.json",
    "runs/*/jobs.jsonl",
    "runs/*/task-0.r0.jsonl",
    "runs/*/task-0.log",
    "runs/*/alive",
    "runs/*/suspect",
    "runs/*/revoked",
    "runs/*/scheduler.jsonl",
    "runs/x",
    "runs/99991231-235959999-x",
)
#: Not a file: a lock that cannot be understood is waited for.
CASES = [("lock", _pipe), ("lock", Path.mkdir), *((place, put) for place in PLACES for put in THINGS)]


def remove(path: Path) -> None:
    """Delete what stands there, if anything does."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(("place", "put"), CASES[:: 3 if SHORT else 1], ids=lambda one: getattr(one, "__name__", one))
def test_what_does_not_belong_among_the_records_costs_no_output(
    jor: Jor, project: Path, place: str, put: Callable[[Path], None]
) -> None:
    jor.prefix = ("sh", "-c", 'ulimit -v 3000000; exec "$@"', "sh")
    jor("run", "--workers", 1)
    (project / "index1.txt").unlink()
    whole = outputs(project)
    where, _, name = place.rpartition("/")
    records = records_of(jor.folder)
    (folder,) = records.glob(where) if where else [records]
    remove(folder / name)
    put(folder / name)
    for command in ("status", "run", "collect"):
        done = jor(command)
        assert "Traceback" not in done.err, done
        assert done.code in (0, 1, 2), done
        assert (done.code == 2) <= done.err.startswith("Error: "), done
    assert whole.items() <= outputs(project).items()
    assert overlaps(jor.folder) == []
    remove(folder if name == "submission.json" else folder / name)
    assert jor("run").code == 0
    assert {name: text for name, text in outputs(project).items() if name != "all"} == expected()
