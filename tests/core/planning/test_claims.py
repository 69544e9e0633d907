"""Which outputs others are making: of other lists, arguments, folders above and below, and lists edited since."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from jor.planning.claims import claims, known_entries
from jor.planning.planner import make_submission, survey
from jor.planning.status import Carrier, Phase, TaskState
from jor.runs.folder_lock import folders_with_records, hold
from jor.runs.store import write, write_batch
from jor.runs.submission import Batch
from jor.settings.config import read_config
from jor.todo.reader import make_entry

MODULE = """\
import jor

class Jobs(jor.JobsBase):
    def __init__(self, folder="o", sub="", part=0, size=4, tag=0, path_prefix="."):
        super().__init__(path_prefix)
        self.folder, self.sub, self.part, self.size = folder, sub, part, size

    def _mk_jobs(self):
        self._jobs = [{"i": i} for i in range(self.part * self.size, (self.part + 1) * self.size)]

    def _get_output_folder(self):
        return self.folder

    def _get_output_fname(self, i):
        return f"{self.sub}{i}.txt"

    def execute(self, i):
        pass
"""
BATCH = Batch("jor-one", 1, 1, None, None, None, 0, (), ("sbatch",))


def look(*arguments):
    """Return the entries of a todo-list as they are now."""
    return [*survey([make_entry("jobs_here", one) for one in arguments], read_config({}))]


def begin(found, batch=None):
    """Let this process make all outputs of an entry, or a batch system; return what it is in."""
    os.makedirs(os.path.join(found.records, "runs"), exist_ok=True)
    everything = range(found.status.total)
    submission = make_submission(found, everything, batch=batch)
    with hold(found.folder, found.subfolders, print) as lock:
        if batch:
            return write_batch(submission, found.jobs, everything, found.records, lock, "#!/bin/sh\n").folder
        return write(submission, found.jobs, everything, found.records, lock).run.folder


def nobody(batches):
    return [Carrier("an array", lambda _task: TaskState(Phase.OVER), False) for _ in batches]


def somebody(batches):
    return [Carrier("an array", lambda _task: TaskState(Phase.WAITING), True) for _ in batches]


def claimed(found, known=(), ask=nobody):
    """Return the jobs of an entry that others are making."""
    folders = folders_with_records(found.folder, found.subfolders)
    return sorted(claims(folders, known_entries([found, *known]), ask).on(found, range(found.status.total)))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs_here.py").write_text(MODULE)
    return tmp_path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tag=1", "tag=2"),
        ("sub='s/'", "folder='o/s'"),
        ("folder='o/s'", "sub='s/'"),
        ("sub='a/b/'", "folder='o/a', sub='b/'"),
        ("folder='link'", "folder='o'"),
        ("sub='out/'", "folder='e'"),
        ("sub='out/'", "sub='t/out/'"),
    ],
)
def test_outputs_are_known_by_their_real_paths(place, one, other):
    for folder in ("o", "e"):
        (place / folder).mkdir()
    (place / "link").symlink_to("o")
    (place / "o" / "out").symlink_to(place / "e")
    (place / "o" / "t").symlink_to(".")
    (second,) = look(other)
    os.makedirs(os.path.join(second.records, "runs"))  # it has planned before
    (first,) = look(one)
    begin(first)
    (second,) = look(other)
    assert claimed(second) == [0, 1, 2, 3]


def test_entry_whose_list_was_edited_is_no_more_known_to_make_other_outputs():
    """The same todo-list, its sweep cut otherwise while it runs: `part=1` makes what `part=0` had planned."""
    (before,) = look("part=0, size=4")
    now = look("part=0, size=4", "part=1, size=4")
    begin(before)
    assert claimed(now[1], now) == []
    now = look("part=0, size=2", "part=1, size=2")
    os.rename(before.records, now[0].records)  # the same entry: its class, or a file, says how it is cut
    assert claimed(now[1], now) == [0, 1]
    now = look("part=0, size=2", "part=1, size=2")
    assert claimed(now[0], now) == []  # its own history tells of those


def test_submission_that_is_over_claims_nothing(place):
    (first,) = look("tag=1")
    os.unlink(os.path.join(begin(first), "alive"))
    begin(first, BATCH)
    (second,) = look("tag=2")
    assert claimed(second, ask=nobody) == []
    assert claimed(second, ask=somebody) == [0, 1, 2, 3]


@pytest.mark.parametrize("batch", [None, BATCH])
@pytest.mark.parametrize("damage", ["garbage", "another version"])
def test_submission_that_cannot_be_read_claims_what_it_has_planned_and_no_more(place, batch, damage):
    (first,) = look("size=2")
    path = os.path.join(begin(first, batch), "submission.json")
    with open(path) as file:
        content = json.load(file)
    with open(path, "w") as file:
        file.write("garbage" if damage == "garbage" else json.dumps({**content, "version": 99}))
    (second,) = look("tag=2")
    assert claimed(second) == [0, 1]
    if batch is None:
        os.unlink(os.path.join(os.path.dirname(path), "alive"))
        assert claimed(second) == []


def test_copy_of_a_folder_claims_nothing(place):
    (first,) = look("tag=1")
    begin(first)
    subprocess.run(["cp", "-a", "o", "copy"], check=True)
    (second,) = look("tag=2, folder='copy'")
    assert claimed(second) == []


@pytest.mark.parametrize(
    ("one", "other"), [("sub='s/'", "folder='o/s'"), ("folder='o/s'", "sub='s/'"), ("tag=1", "folder='link'")]
)
def test_one_output_of_two_entries_is_refused(place, one, other):
    (place / "o").mkdir()
    (place / "link").symlink_to("o")
    with pytest.raises(Exception, match="two jobs have the same output"):
        look(one, other)
    assert len(look("sub='s/'", "folder='o/s', part=1", "folder='link', part=2")) == 3
